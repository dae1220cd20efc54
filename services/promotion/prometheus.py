"""Prometheus over HTTP, by the standard library alone: one query, one number."""

import base64
import http.client
import math
from contextlib import closing
from typing import Any
from urllib.parse import unquote, urlencode, urlsplit

import msgspec

from services.core.errors import TrivetError

_TIMEOUT_SECONDS = 10
# One sample takes a few hundred; a query that adds up has no more than one.
_MAX_ANSWER_BYTES = 1024 * 1024


class Unanswered(TrivetError):
    """Prometheus does not answer, or refuses the query."""


class _Sample(msgspec.Struct, frozen=True):
    value: tuple[float, str]


class _Data(msgspec.Struct, frozen=True):
    result: list[_Sample]


class _Answer(msgspec.Struct, frozen=True):
    """Source: Prometheus's HTTP API, format overview."""

    status: str
    data: Any = None
    error: str = ""


class Prometheus:
    """One server, or whatever else answers instant queries as it does, such as Thanos or Mimir."""

    def __init__(self, url: str) -> None:
        """Take its address, with a user and a password where it asks for them. Raises ValueError."""
        try:
            parts = urlsplit(url)
            self._host, self._port = parts.hostname or "", parts.port
        except ValueError:
            parts, self._host = urlsplit(""), ""
        if parts.scheme not in ("http", "https") or not self._host:
            raise ValueError(f"{url!r} is no address of Prometheus: http://HOST:PORT was expected")
        self._kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._path = f"{parts.path.rstrip('/')}/api/v1/query"
        self._headers = {"Content-Type": "application/x-www-form-urlencoded"}
        if parts.username:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self._headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"

    def value(self, query: str) -> float | None:
        """Return the number of a query that adds up to one; None where nothing is there. Raises Unanswered."""
        with closing(self._kind(self._host, self._port, timeout=_TIMEOUT_SECONDS)) as connection:
            try:
                connection.request("POST", self._path, urlencode({"query": query}), self._headers)
                reply = connection.getresponse()
                body = reply.read(_MAX_ANSWER_BYTES)
            except (OSError, ValueError, http.client.HTTPException) as error:
                raise Unanswered(
                    f"Prometheus at {self._host} does not answer: {error or type(error).__name__}"
                ) from error
        try:
            return read(body)
        except ValueError as error:
            raise Unanswered(f"Prometheus at {self._host} answered {reply.status} to {query}: {error}") from error


def read(body: bytes) -> float | None:
    """Read the answer to an instant query: its number, or None where there is no sample, or no number.

    Raises ValueError for an answer with an error, with several samples, or of another shape.
    """
    try:
        answer = msgspec.json.decode(body, type=_Answer)
        if answer.status != "success":
            raise ValueError(answer.error or answer.status)
        samples = msgspec.convert(answer.data, _Data).result
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"that is no answer of Prometheus: {error}") from error
    if len(samples) > 1:
        raise ValueError(f"{len(samples)} samples, and one was expected")
    if not samples:
        return None
    value = float(samples[0].value[1])
    return value if math.isfinite(value) else None


def selector(metric: str, matches: dict[str, str], *more: str) -> str:
    """Return PromQL that selects a metric's series by labels. more: matchers as they are."""
    matchers = (f'{label}="{_escaped(value)}"' for label, value in matches.items())
    return f"{metric}{{{','.join((*matchers, *more))}}}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
