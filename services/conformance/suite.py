"""The suite: every check, in order, and what becomes of one against a server."""

from types import ModuleType
from typing import Literal

import httpx
import msgspec

from services.conformance.check import Check, Failed, Inapplicable, Level
from services.conformance.checks import (
    concurrency,
    connections,
    deadlines,
    docs,
    errors,
    feedback,
    headers,
    health,
    infer_binary,
    infer_json,
    metadata,
    metrics,
    predict,
    refusals,
    repository,
    statistics,
)
from services.conformance.http import Reply
from services.conformance.target import Target

GROUPS = (
    health, metadata, infer_json, refusals, infer_binary, repository, statistics, connections, concurrency,
    predict, headers, errors, deadlines, metrics, docs, feedback,
)  # fmt: skip
# How much of a body a report shows.
SHOWN_BYTES = 200

Outcome = Literal["passed", "failed", "skipped"]


class Exchange(msgspec.Struct, frozen=True):
    """What a report shows of a request and its answer."""

    request: str
    sent: str
    status: int
    body: str


class Result(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of one check. expected, exchange: of a failure. reason: of a skip."""

    id: str
    clause: str
    source: str
    level: Level
    outcome: Outcome
    expected: str = ""
    exchange: Exchange | None = None
    reason: str = ""


def checks(level: Level) -> list[Check]:
    """Return the checks of a level; `trivet` includes `protocol`."""
    found = [check for module in GROUPS for check in _of(module)]
    return [check for check in found if level in ("trivet", check.level)]


def run_one(check: Check, target: Target) -> Result:
    """Run one check. Whatever the server answers, or does not answer, becomes a result."""

    def result(outcome: Outcome, **more: str | Exchange | None) -> Result:
        return Result(check.id, check.clause, check.source, check.level, outcome, **more)  # type: ignore[arg-type]

    target.http.last = None
    try:
        check.run(target)
    except Inapplicable as error:
        return result("skipped", reason=error.reason)
    except Failed as error:
        return result("failed", expected=error.expected, exchange=_shown(error.reply))
    except (httpx.HTTPError, OSError) as error:
        return result(
            "failed", expected=f"an answer; {type(error).__name__}: {error}", exchange=_shown(target.http.last)
        )
    except (AttributeError, KeyError, IndexError, TypeError, ValueError) as error:
        # A check took for granted what another one demands, such as a field of the metadata.
        expected = f"an answer that can be read; {type(error).__name__}: {error}"
        return result("failed", expected=expected, exchange=_shown(target.http.last))
    return result("passed")


def _of(module: ModuleType) -> list[Check]:
    """Return a module's checks, in the order in which they stand there."""
    found = []
    for value in vars(module).values():
        candidates = value if isinstance(value, tuple) and not isinstance(value, Check) else (value,)
        found += [
            each for each in candidates if isinstance(each, Check) and each.group == module.__name__.rpartition(".")[2]
        ]
    return found


def _shown(reply: Reply | None) -> Exchange | None:
    if reply is None:
        return None
    return Exchange(f"{reply.method} {reply.path}", _text(reply.sent), reply.status, _text(reply.body))


def _text(content: bytes) -> str:
    text = content[:SHOWN_BYTES].decode(errors="backslashreplace")
    return text + ("…" if len(content) > SHOWN_BYTES else "")
