"""When requests are due: profiles of the rate over time, and the intended times that follow from them."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from services.load.record import Seconds

# A spike lasts a fifth of the time, in its middle.
SPIKE_SHARE = 0.2
STEPS = 5
# A day is drawn from midnight to midnight, one straight line for each half hour; it is quietest at four.
DAY_HOURS, DAY_LINES, QUIET_HOUR = 24, 48, 4
# A sum of rates is a few roundings away from the whole number that was meant.
ROUNDING = 1e-9


class Segment(NamedTuple):
    """A rate, in requests per second, that changes evenly from its start to its end."""

    seconds: float
    start_rate: float
    end_rate: float


Shape = Callable[[float, float, float], list[Segment]]


def constant(_low: float, high: float, seconds: float) -> list[Segment]:
    """The highest rate, all the time."""
    return [Segment(seconds, high, high)]


def ramp(low: float, high: float, seconds: float) -> list[Segment]:
    """Evenly from the lowest rate to the highest."""
    return [Segment(seconds, low, high)]


def step(low: float, high: float, seconds: float) -> list[Segment]:
    """Five equal steps from the lowest rate to the highest."""
    rates = (low + (high - low) * number / (STEPS - 1) for number in range(STEPS))
    return [Segment(seconds / STEPS, rate, rate) for rate in rates]


def spike(low: float, high: float, seconds: float) -> list[Segment]:
    """The lowest rate, for a fifth of the time in the middle the highest, and the lowest again."""
    beside = Segment(seconds * (1 - SPIKE_SHARE) / 2, low, low)
    return [beside, Segment(seconds * SPIKE_SHARE, high, high), beside]


def day(low: float, high: float, seconds: float) -> list[Segment]:
    """A day from midnight to midnight: a wave that is lowest at four in the morning and highest at four."""

    def rate(line: int) -> float:
        hour = line * DAY_HOURS / DAY_LINES
        return low + (high - low) * (1 - math.cos(2 * math.pi * (hour - QUIET_HOUR) / DAY_HOURS)) / 2

    return [Segment(seconds / DAY_LINES, rate(line), rate(line + 1)) for line in range(DAY_LINES)]


PROFILES: dict[str, Shape] = {"constant": constant, "step": step, "ramp": ramp, "spike": spike, "day": day}


def total(segments: Sequence[Segment]) -> float:
    """Return how many requests the rates add up to."""
    return sum(segment.seconds * (segment.start_rate + segment.end_rate) / 2 for segment in segments)


def times(segments: Sequence[Segment], random: np.random.Generator | None = None) -> Seconds:
    """Return the intended times in seconds from the start, rising.

    Request number k is due when the rates have added up to k. random: draws as many times instead, independently of
    each other, as many clients that know nothing of each other send (a Poisson process, given how many come).
    """
    wanted = total(segments)
    count = math.ceil(wanted * (1 - ROUNDING))
    numbers = np.arange(count, dtype=np.float64) if random is None else np.sort(random.uniform(0.0, wanted, count))
    ends = np.cumsum([total([segment]) for segment in segments])
    owners = np.searchsorted(ends[:-1], numbers, side="right")  # the segment in which each number falls
    parts, start_seconds, before = [], 0.0, 0.0
    for at, segment in enumerate(segments):
        parts.append(start_seconds + _after(segment, numbers[owners == at] - before))
        start_seconds, before = start_seconds + segment.seconds, ends[at]
    return np.concatenate(parts)


def _after(segment: Segment, numbers: Seconds) -> Seconds:
    """Return how long the segment takes to add up to each number: a root of a quadratic, the one without cancelling."""
    slope = (segment.end_rate - segment.start_rate) / segment.seconds
    root = np.sqrt(np.maximum(segment.start_rate**2 + 2 * slope * numbers, 0.0))
    bottom = segment.start_rate + root
    found: Seconds = np.divide(2 * numbers, bottom, out=np.zeros_like(numbers), where=bottom > 0)
    return np.clip(found, 0.0, segment.seconds)
