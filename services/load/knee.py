"""The knee: the highest rate that a replica takes within its objectives, and the in-flight work to scale by."""

from collections.abc import Callable

import numpy as np
from msgspec import Struct

from services.load.record import Recording
from services.load.report import Report
from services.load.slo import ERRORS, Objective

# Two neighbouring rates of the search are closer than this: a finer answer would not be repeatable.
PRECISION = 1.1
# What a replica is meant to carry, of the rate at the knee: the rest is for what comes while another one starts.
SHARE = 0.7
# A rate is missed only when it misses so often: one stall of a busy machine says nothing of the server.
TRIES = 2
# Where no objective says how many requests may fail: what is refused is quick, and would look like a good latency.
ERROR_RATIO = 0.01


class Step(Struct, frozen=True):
    """One rate that was tried. in_flight: the mean that the server had. by_server: it said so, else it is our own."""

    rate: float
    report: Report
    in_flight: float
    by_server: bool


class Knee(Struct, frozen=True):
    """The knee, and a last step at SHARE of its rate, whose in-flight work is what to scale by."""

    rate: float
    is_highest: bool
    loaded: Step

    @property
    def target(self) -> float:
        """The in-flight work for each replica, to two digits: more would not be repeatable."""
        return max(0.1, float(f"{self.loaded.in_flight:.2g}"))


class GeneratorTooSlow(Exception):
    """The generator could not keep up, so that nothing can be said of the server; the message says at which rate."""


def find(measure: Callable[[float], Step], low: float, high: float) -> Knee | None:
    """Find the knee between two rates; None when not even the lowest keeps the objectives.

    measure: tries a rate. Raises GeneratorTooSlow.
    """

    def keeps(rate: float) -> bool:
        for _ in range(TRIES):
            step = measure(rate)
            if step.report.kept:
                return True
        if not step.report.kept_up:
            raise GeneratorTooSlow(f"the generator itself could not keep up with {rate:.4g} requests per second")
        return False

    rate = search(low, high, keeps)
    return Knee(rate, rate >= high, measure(rate * SHARE)) if rate else None


def search(low: float, high: float, keeps: Callable[[float], bool]) -> float | None:
    """Return the highest rate that keeps, to within PRECISION; None when not even the lowest does.

    Rates double until one does not keep, then the gap is halved.
    """
    if not keeps(low):
        return None
    good, bad = low, high
    while good < high:
        rate = min(good * 2, high)
        if not keeps(rate):
            bad = rate
            break
        good = rate
    while bad / good > PRECISION:
        rate = (good * bad) ** 0.5
        good, bad = (rate, bad) if keeps(rate) else (good, rate)
    return good


def with_errors(objectives: list[Objective]) -> list[Objective]:
    """Return objectives that say how many requests may fail, too."""
    named = any(objective.name == ERRORS for objective in objectives)
    return objectives if named else [*objectives, Objective(ERRORS, ERROR_RATIO)]


class Watch:
    """Looks at a step while it goes on, so that one that is missed for certain ends at once."""

    def __init__(self, recording: Recording, objectives: list[Objective], total: int) -> None:
        self._recording = recording
        self._objectives = objectives
        self._total = total
        self._over = [0] * len(objectives)
        self._seen = 0

    def is_missed(self) -> bool:
        """Whether more requests are over a limit than may be, of all that were planned."""
        outcome = np.array(self._recording.outcome[self._seen :])
        latency = np.array(self._recording.latency[self._seen :])
        self._seen += len(outcome)
        bad = (outcome < 200) | (outcome >= 300)
        for at, objective in enumerate(self._objectives):
            percent = objective.percent
            over = bad if percent is None else (latency > objective.limit) & ~bad
            share = objective.limit if percent is None else 1 - percent / 100
            self._over[at] += int(over.sum())
            if self._over[at] > share * self._total:
                return True
        return False


def values(knee: Knee, engine: str, said: str) -> str:
    """Return the values of the chart that scales by what was found. said: how it was measured, a line for each."""
    comment = "".join(f"# {line}\n" for line in said.splitlines())
    if engine == "ray":
        return f"{comment}serve:\n  autoscaling:\n    target_ongoing_requests: {knee.target:g}\n"
    return f"{comment}autoscaling:\n  keda:\n    inFlightPerReplica: {knee.target:g}\n"
