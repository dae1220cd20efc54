"""What a run comes to: rates, statuses, errors, quantiles, second by second, and whether the numbers are good."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from msgspec import Struct

from services.load.record import NAMES, Recording, Seconds
from services.load.slo import Objective, Verdict, judge

PERCENTS = (50.0, 90.0, 99.0, 99.9)
# The generator may be late by this share of the 99th percentile that it measured, whose error that is.
LATE_SHARE = 0.25
# Always by so much, because no scheduler does better; never by more, because that is not the rate that was asked for.
LEAST_LATE_SECONDS, MOST_LATE_SECONDS = 0.001, 0.1


class Line(Struct, frozen=True):
    """One second: what was due in it, and what came of that. The quantiles are of good answers; None without any."""

    second: int
    wanted: int
    answered: int
    failed: int
    p50_seconds: float | None
    p99_seconds: float | None


class Report(Struct, frozen=True):
    """A run. Good answers are those with a status of 2xx; all quantiles are exact.

    seconds: how long requests were due; the rates are per second of it, and count what happened within it.
    elapsed_seconds: until the last answer.
    wanted, sent, answered, failed: how many were due, left, got a good answer, got another or none. unfinished: those
    still on their way when the run was stopped.
    statuses: of all answers. failures: of requests without an answer, why.
    latency_seconds: of good answers, from the intended time. lateness_seconds: of the generator itself.
    kept_up: whether that is at most lateness_limit_seconds for 99 % of the requests, so that the numbers are good.
    in_flight: due and unanswered on average, by Little's law: the time of all requests over that of the run.
    in_flight_most: the most that ever were sent and unanswered.
    """

    seconds: float
    elapsed_seconds: float
    wanted: int
    sent: int
    answered: int
    failed: int
    unfinished: int
    wanted_rate: float
    sent_rate: float
    answered_rate: float
    error_ratio: float
    statuses: dict[str, int]
    failures: dict[str, int]
    latency_seconds: dict[str, float]
    lateness_seconds: dict[str, float]
    lateness_limit_seconds: float
    kept_up: bool
    in_flight: float
    in_flight_most: int
    generator_cpu_ratio: float
    timeline: list[Line]
    verdicts: list[Verdict]

    @property
    def kept(self) -> bool:
        """Whether every objective was kept."""
        return all(verdict.kept for verdict in self.verdicts)


def report(recording: Recording, objectives: list[Objective], late_seconds: float | None = None) -> Report:
    """Make the report of a run. late_seconds: how late the generator may be, instead of LATE_SHARE of the latency."""
    due, latency, outcome, sent = (
        np.array(column) for column in (recording.due, recording.latency, recording.outcome, recording.sent)
    )
    good = (outcome >= 200) & (outcome < 300)
    ordered: Seconds = np.sort(latency[good])
    lateness: Seconds = np.sort(np.array(recording.lateness))
    answered, wanted, ended = int(good.sum()), len(lateness), len(outcome)
    seconds = recording.seconds
    allowed = LATE_SHARE * (quantile(ordered, 99) or 0.0)
    limit = late_seconds or min(max(allowed, LEAST_LATE_SECONDS), MOST_LATE_SECONDS)
    elapsed_seconds = max(seconds, float((due + latency).max(initial=0.0)))
    error_ratio = (ended - answered) / ended if ended else 0.0
    counts = Counter(outcome.tolist())
    return Report(
        seconds=seconds,
        elapsed_seconds=elapsed_seconds,
        wanted=wanted,
        sent=len(sent),
        answered=answered,
        failed=ended - answered,
        unfinished=wanted - ended,
        wanted_rate=wanted / seconds,
        sent_rate=int((sent <= seconds).sum()) / seconds,
        answered_rate=int(((due + latency)[good] <= seconds).sum()) / seconds,
        error_ratio=error_ratio,
        statuses={str(code): count for code, count in sorted(counts.items()) if code not in NAMES},
        failures={NAMES[code]: count for code, count in sorted(counts.items()) if code in NAMES},
        latency_seconds=_quantiles(ordered, PERCENTS),
        lateness_seconds=_quantiles(lateness, (50.0, 99.0)),
        lateness_limit_seconds=limit,
        kept_up=(quantile(lateness, 99) or 0.0) <= limit,
        in_flight=float(latency.sum()) / elapsed_seconds,
        in_flight_most=recording.in_flight_most,
        generator_cpu_ratio=recording.generator_cpu_ratio,
        timeline=_timeline(due, latency, good),
        verdicts=judge(objectives, error_ratio, lambda percent: quantile(ordered, percent)),
    )


def good_latencies(recording: Recording) -> Seconds:
    """Return the latencies of the good answers, in seconds."""
    outcome = np.array(recording.outcome)
    found: Seconds = np.array(recording.latency)[(outcome >= 200) & (outcome < 300)]
    return found


def quantile(ordered: Seconds, percent: float) -> float | None:
    """Return the smallest value that so many percent do not exceed; None without values."""
    return float(ordered[_rank(len(ordered), percent)]) if len(ordered) else None


def _rank(count: int, percent: float) -> int:
    return min(count, max(1, math.ceil(round(count * percent / 100, 6)))) - 1


def _quantiles(ordered: Seconds, percents: Sequence[float]) -> dict[str, float]:
    if not len(ordered):
        return {}
    found = {f"p{percent:g}": float(ordered[_rank(len(ordered), percent)]) for percent in percents}
    return {**found, "largest": float(ordered[-1]), "mean": float(ordered.mean())}


def _timeline(due: Any, latency: Any, good: Any) -> list[Line]:
    """Return the seconds in which something was due and ended."""
    if not len(due):
        return []
    order = np.argsort(due, kind="stable")
    seconds = due[order].astype(np.int64)
    bounds = np.searchsorted(seconds, np.arange(seconds[-1] + 2))
    lines = []
    for second in range(int(seconds[-1]) + 1):
        own = order[bounds[second] : bounds[second + 1]]
        ordered = np.sort(latency[own][good[own]])
        failed = len(own) - len(ordered)
        lines.append(Line(second, len(own), len(ordered), failed, quantile(ordered, 50), quantile(ordered, 99)))
    return lines
