"""A load recorded by Prometheus."""

import math
from datetime import datetime
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from services.load.target import Target, Unanswered
from services.simulate.trace import Trace, Unreadable, of_points

STEP_SECONDS = 15
# Prometheus answers no more points for one series.
MAX_POINTS = 11_000


class _Series(Struct):
    values: list[tuple[float, str]]


class _Data(Struct, frozen=True):
    result: tuple[_Series, ...] = ()


class _Answer(Struct):
    data: _Data = _Data()
    error: str = ""


def moment(text: str) -> float:
    """Read a time as seconds since 1970: RFC 3339, or such a number. Raises ValueError."""
    try:
        found = float(text) if text.replace(".", "", 1).isdigit() else datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text!r} is no time: 2026-01-31T08:00:00Z was expected") from error
    if not 0 <= found < 1e11:
        raise ValueError(f"{text!r} is no time of this age")
    return found


def record(target: Target, query: str, start_seconds: float, end_seconds: float) -> Trace:
    """Return what a query for requests per second had been. A gap holds the value before it. Raises Unreadable."""
    seconds = end_seconds - start_seconds
    if seconds < 2 * STEP_SECONDS:
        raise Unreadable(f"--end is to be at least {2 * STEP_SECONDS} seconds after --start")
    step = max(STEP_SECONDS, math.ceil(seconds / (MAX_POINTS - 1)))
    asked = urlencode({"query": query, "start": start_seconds, "end": end_seconds, "step": step})
    try:
        status, body = target.ask(f"/api/v1/query_range?{asked}")
    except Unanswered as error:
        raise Unreadable(str(error)) from error
    return parse(body, status)


def parse(body: bytes, status: int = 200) -> Trace:
    """Read an answer to a range query with one series. Raises Unreadable."""
    try:
        answer = msgspec.json.decode(body, type=_Answer)
        points = [(at, float(value)) for series in answer.data.result[:1] for at, value in series.values]
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
        raise Unreadable(f"Prometheus answers {status} with what is no series: {error}") from error
    if status != 200:
        raise Unreadable(f"Prometheus answers {status}: {answer.error}")
    if len(answer.data.result) != 1:
        raise Unreadable(f"the query has {len(answer.data.result)} series; one was expected, as sum(rate(…)) has")
    known = [(at, rate) for at, rate in points if math.isfinite(rate) and rate >= 0 and math.isfinite(at)]
    if len(known) < 2:
        raise Unreadable("the query has no values in this time")
    return of_points([at for at, _ in known], [rate for _, rate in known])
