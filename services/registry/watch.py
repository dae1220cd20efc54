"""When to ask the registry again, and which version not to try again: the rules alone, with a clock passed in."""

from collections.abc import Callable
from typing import NamedTuple

from services.registry.fetch import Current

# Looks are apart by the interval, give or take this share, so that replicas that started together do not ask together.
JITTER = 0.25
# Doubled with every failure in a row, up to this; all have followed so soon after the registry is back.
LONGEST_LOOK_SECONDS = 60.0
# A download may be large, so a version that cannot be fetched is tried less often.
FIRST_RETRY_SECONDS = 10.0
LONGEST_RETRY_SECONDS = 300.0


class Target(NamedTuple):
    """A version of a model, with the digest that it was published with."""

    version: str
    digest: str

    @classmethod
    def of(cls, now: Current) -> "Target":
        """Return the version that a URI names."""
        return cls(now.version, now.digest)


class Rhythm:
    """How long to wait between two looks. random: between 0 and 1."""

    def __init__(self, interval_seconds: float, random: Callable[[], float]) -> None:
        self._interval_seconds = interval_seconds
        self._random = random
        self._failures = 0

    def answered(self) -> bool:
        """Note a look that the registry answered; return whether the one before was not."""
        had_failed, self._failures = self._failures > 0, 0
        return had_failed

    def failed(self) -> bool:
        """Note a look that it did not answer; return whether it is the first of them in a row."""
        self._failures += 1
        return self._failures == 1

    def next_seconds(self) -> float:
        """Return how long to wait until the next look."""
        longest_seconds = max(self._interval_seconds, LONGEST_LOOK_SECONDS)
        seconds = _doubled(self._interval_seconds, self._failures, longest_seconds)
        return seconds * (1 + JITTER * (2 * self._random() - 1))


class Attempts:
    """What became of the version that the alias names, as long as it names it."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._target: Target | None = None
        self._failures = 0
        self._not_before = 0.0
        self.reason = ""

    def see(self, target: Target) -> bool:
        """Note what the alias names; return whether that has changed, which forgets all that was."""
        if target == self._target:
            return False
        self._target, self._failures, self._not_before, self.reason = target, 0, 0.0, ""
        return True

    def is_due(self) -> bool:
        """Whether the version may be tried now."""
        return self._clock() >= self._not_before

    def refused(self, reason: str) -> None:
        """Do not try it again: it would fail in the same way."""
        self.reason, self._not_before = reason, float("inf")

    def failed(self, reason: str) -> None:
        """Try it again later: what failed was around it, such as the network or a disk."""
        wait_seconds = _doubled(FIRST_RETRY_SECONDS, self._failures, LONGEST_RETRY_SECONDS)
        self._failures += 1
        self.reason, self._not_before = reason, self._clock() + wait_seconds


def _doubled(seconds: float, times: int, longest_seconds: float) -> float:
    return min(seconds * 2.0 ** min(times, 30), longest_seconds)
