"""What the event loop counts, handed to prometheus_client many at a time.

It takes a lock for each number, and two of them and a search for each observation of a histogram: with seven numbers a
request that was a tenth of what the server did for an inference.
"""

from bisect import bisect_left
from collections import Counter as Counts
from collections.abc import Iterable
from threading import Lock
from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector


class Count:
    """A counter."""

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self._total = 0
        self._flushed = 0

    def inc(self) -> None:
        """Count one."""
        self._total += 1

    def flush(self) -> None:
        """Hand over what was counted since the last time."""
        total = self._total
        self._counter.inc(total - self._flushed)
        self._flushed = total


class Level:
    """A gauge."""

    def __init__(self, gauge: Gauge) -> None:
        self._gauge = gauge
        self.value = 0

    def inc(self) -> None:
        """Add one."""
        self.value += 1

    def dec(self) -> None:
        """Take one off."""
        self.value -= 1

    def set(self, value: int) -> None:
        """Take a new value."""
        self.value = value

    def flush(self) -> None:
        """Hand over the value as it is now."""
        self._gauge.set(self.value)


class Part:
    """One of several that add up to a gauge, such as the queues of two versions of a model."""

    def __init__(self, whole: Level) -> None:
        self._whole = whole
        self._value = 0

    def set(self, value: int) -> None:
        """Take a new value, and leave those of the others."""
        self._whole.value += value - self._value
        self._value = value


class Tally:
    """A histogram."""

    def __init__(self, histogram: Histogram) -> None:
        self._histogram = histogram
        self._values: list[float] = []
        self.observe = self._values.append

    def flush(self) -> None:
        """Hand over what was observed since the last time."""
        values = self._values[:]
        del self._values[: len(values)]  # never another list: `observe` belongs to this one
        if values:
            histogram = self._histogram
            for bucket, count in Counts(bisect_left(histogram._upper_bounds, value) for value in values).items():
                histogram._buckets[bucket].inc(count)
            histogram._sum.inc(sum(values))


Member = TypeVar("Member", Count, Level, Tally)


class Tallies(Collector):
    """All of one process. Made before its metrics, so that whoever collects from the registry finds them up to date."""

    def __init__(self, registry: CollectorRegistry) -> None:
        registry.register(self)
        self._members: list[Count | Level | Tally] = []
        self._lock = Lock()

    def count(self, counter: Counter) -> Count:
        """Return a stand-in for a counter with its labels filled in; one for each."""
        return self._added(Count(counter))

    def level(self, gauge: Gauge) -> Level:
        """Return a stand-in for a gauge with its labels filled in; one for each."""
        return self._added(Level(gauge))

    def tally(self, histogram: Histogram) -> Tally:
        """Return a stand-in for a histogram with its labels filled in; one for each."""
        return self._added(Tally(histogram))

    def flush(self) -> None:
        """Hand over everything. Counting belongs to one thread, and any may flush."""
        with self._lock:
            for member in self._members:
                member.flush()

    def collect(self) -> Iterable[Metric]:
        """Flush, and add no metric."""
        self.flush()
        return ()

    def _added(self, member: Member) -> Member:
        self._members.append(member)
        return member
