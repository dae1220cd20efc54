"""What of a reply belongs to the contract, and what two servers answered differently."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import pytest

from tests.service.parity.exchange import Reply, Request

HEADERS = (
    "content-type",
    "allow",
    "retry-after",
    "www-authenticate",
    "model-name",
    "model-version",
    "model-digest",
)
LENGTH = "inference-header-content-length"
UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
SHOWN = 8
SHOWN_CHARACTERS = 300


class Difference(NamedTuple):
    """One part of one reply that is not the reference's."""

    request: Request
    part: str
    expected: Any
    found: Any


def differences(
    requests: Sequence[Request], expected: Sequence[Reply], found: Sequence[Reply], engine: str, reference: str
) -> list[Difference]:
    """Compare the replies of two servers to the same requests; the word for the engine may differ."""
    every = []
    for request, one, other in zip(requests, expected, found, strict=True):
        wanted, parts = comparable(request, one, reference), comparable(request, other, engine)
        every += [
            Difference(request, part, wanted.get(part), parts.get(part))
            for part in sorted(wanted.keys() | parts.keys())
            if wanted.get(part) != parts.get(part)
        ]
    return every


def comparable(request: Request, reply: Reply, engine: str) -> dict[str, Any]:
    """Return the parts of a reply that must be equal everywhere."""
    word = f'"engine":"{engine}"'.encode()
    body = reply.body.replace(word, b'"engine":""')
    parts: dict[str, Any] = {name: reply.headers[name] for name in HEADERS if name in reply.headers}
    parts |= {"status": reply.status, "body": _timeless(request, body)}
    parts["x-request-id"] = _request_id(request, reply)
    parts["content-length"] = _length(request, reply)
    if LENGTH in reply.headers:
        parts[LENGTH] = [int(value) - len(engine) for value in reply.headers[LENGTH]]
    return parts


def fail_on(found: Sequence[Difference], count: int, engine: str) -> None:
    """Fail the test, with the report, when there are differences."""
    if found:
        pytest.fail(report(found, count, engine), pytrace=False)


def report(found: Sequence[Difference], count: int, engine: str) -> str:
    """Return a page about the differences, with requests to send again."""
    lines = [f"{len(found)} differences in {count} requests to {engine}, by part and by what they were about:"]
    groups = Counter((one.part, one.request.kind) for one in found)
    lines += [f"  {number:5} x {part}: {kind}" for (part, kind), number in groups.most_common()]
    for one in _one_of_each(found):
        lines += ["", f"{one.part}, {one.request.kind}:", one.request.curl()]
        lines += [f"  expected  {_short(one.expected)}", f"  found     {_short(one.found)}"]
    return "\n".join(lines)


def _one_of_each(found: Iterable[Difference]) -> list[Difference]:
    """Return the shortest request of the first few groups."""
    shortest: dict[tuple[str, str], Difference] = {}
    for one in sorted(found, key=lambda one: len(one.request.wire())):
        shortest.setdefault((one.part, one.request.kind), one)
    return list(shortest.values())[:SHOWN]


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}… ({len(text)} characters)"


def _timeless(request: Request, body: bytes) -> Any:
    """Return a body without what differs from one moment to the next: counts, times and samples."""
    if request.kind.startswith("stats") and body.startswith(b'{"model_stats"'):
        return _shape(json.loads(body))
    if request.kind.startswith("metrics") and body.startswith(b"#"):
        return None  # compared on its own
    return body


def _shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _shape(one) for key, one in value.items()}
    if isinstance(value, list):  # as long as many different batches there were
        shapes = [_shape(one) for one in value]
        return [one for index, one in enumerate(shapes) if one not in shapes[:index]]
    return value if isinstance(value, str) else type(value).__name__


def _request_id(request: Request, reply: Reply) -> str:
    sent = {value for name, value in request.headers if name.lower() == "x-request-id"}
    found = reply.headers.get("x-request-id", [])
    if len(found) == 1 and found[0] in sent:
        return f"echoed {found[0]}"
    if len(found) == 1 and UUID7.fullmatch(found[0]):
        return "made"
    return f"odd: {found}"


def _length(request: Request, reply: Reply) -> str:
    """Return whether it is the body's own; an answer to HEAD has a length and no body."""
    declared = reply.headers.get("content-length", [])
    right = request.method == "HEAD" or declared == [str(len(reply.body))]
    return "right" if declared and right else f"{declared} for {len(reply.body)} bytes"
