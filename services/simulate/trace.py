"""A load over time, second by second, and when the metrics of it were not to be had."""

import csv
import io
from collections.abc import Iterable, Sequence

import numpy as np
from msgspec import Struct

from services.load.schedule import Segment
from services.simulate.queueing import Values
from services.simulate.world import Gone

# Two weeks; a second takes some 100 bytes, and an hour of them a tenth of a second.
MAX_SECONDS = 14 * 86_400
MAX_RATE = 1e9
_STATES = {"up": 0, "down": 1, "empty": 2}
GONE = (None, Gone.DOWN, Gone.EMPTY)


class Unreadable(Exception):
    """An input cannot be used; the message says which, and what was expected."""


class Trace(Struct, frozen=True):
    """One entry a second: rates in requests per second, and states as positions in GONE."""

    rates: Values
    states: np.ndarray

    def __len__(self) -> int:
        return len(self.rates)

    def scaled(self, factor: float) -> "Trace":
        """Return the same with so many times the load."""
        return Trace(self.rates * factor, self.states)

    def led(self, seconds: int) -> "Trace":
        """Return the same after so many seconds of its first rate."""
        return Trace(np.pad(self.rates, (seconds, 0), mode="edge"), np.pad(self.states, (seconds, 0), mode="edge"))


def of_segments(segments: Sequence[Segment]) -> Trace:
    """Return a profile as a trace: the rate in the middle of each second. Raises Unreadable."""
    ends = np.cumsum([segment.seconds for segment in segments])
    _check_seconds(ends[-1])
    middles = np.arange(max(1, round(float(ends[-1])))) + 0.5
    owners = np.minimum(np.searchsorted(ends, middles, side="right"), len(segments) - 1)
    table = np.array([(segment.seconds, segment.start_rate, segment.end_rate) for segment in segments])
    seconds, low, high = table[owners].T
    share = np.clip((middles - (ends[owners] - seconds)) / seconds, 0.0, 1.0)
    return Trace(low + (high - low) * share, np.zeros(len(middles), dtype=np.int8))


def parse(text: str) -> Trace:
    """Read CSV: seconds,requests_per_second and, where wanted, metric: up, down or empty. Raises Unreadable.

    A row holds until the next one's second; the last for as long as the one before it.
    """
    rows = read_rows(text, ("seconds", "requests_per_second"))
    states = [(row.get("metric") or "up").strip() for row in rows]
    for number, state in enumerate(states, 2):
        if state not in _STATES:
            raise Unreadable(f"line {number}: metric {state!r} is not one of up, down and empty")
    times = [number_of(row, "seconds", number) for number, row in enumerate(rows, 2)]
    rates = [number_of(row, "requests_per_second", number) for number, row in enumerate(rows, 2)]
    return of_points(times, rates, [_STATES[state] for state in states])


def of_points(times: Sequence[float], rates: Sequence[float], states: Sequence[int] | None = None) -> Trace:
    """Return a trace of points in time, each of which holds until the next. Raises Unreadable."""
    at = np.array(times) - (times[0] if times else 0.0)
    if len(at) < 2 or not (np.diff(at) > 0).all():
        raise Unreadable("at least two rows were expected, with seconds that rise")
    _check_seconds(at[-1])
    last = at[-1] - at[-2]
    seconds = np.arange(max(1, round(float(at[-1] + min(last, MAX_SECONDS)))))
    owners = np.searchsorted(at, seconds, side="right") - 1
    return Trace(np.array(rates)[owners], np.array(states or [0] * len(at), dtype=np.int8)[owners])


def read_rows(text: str, columns: Iterable[str]) -> list[dict[str, str | None]]:
    """Read CSV with a line of headings. Raises Unreadable."""
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")), skipinitialspace=True, restval=None)
    try:
        missing = [column for column in columns if column not in (reader.fieldnames or ())]
        if missing:
            raise Unreadable(f"the first line has no column {missing[0]}; {','.join(columns)} was expected")
        return list(reader)
    except csv.Error as error:
        raise Unreadable(f"this is no CSV: {error}") from error


def number_of(row: dict[str, str | None], column: str, line: int) -> float:
    """Return a number of a row, 0 to MAX_RATE. Raises Unreadable."""
    try:
        value = float(row[column] or "")
    except ValueError:
        value = -1.0
    if not 0 <= value <= MAX_RATE:
        raise Unreadable(f"line {line}: {column} {row[column]!r} is no number from 0 to {MAX_RATE:g}")
    return value


def _check_seconds(seconds: float) -> None:
    if seconds > MAX_SECONDS:
        raise Unreadable(f"{seconds:,.0f} seconds are more than a simulation can have: {MAX_SECONDS:,}")
