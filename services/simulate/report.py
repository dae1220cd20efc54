"""What a simulation comes to: requests, refusals, replica-hours, latency, and for how long an objective was missed."""

from typing import Any

import numpy as np
from msgspec import Struct

from services.load.slo import Objective, Verdict, judge
from services.simulate.queueing import HALVINGS, Queue, Values
from services.simulate.run import Run

PERCENTS = (50.0, 90.0, 99.0, 99.9)
# A line for each look of an HPA; of more than a day as many lines as of a day.
LINE_SECONDS, MAX_LINES = 15, 5760
# Utilisations are put together in so many steps, which is as fine as the tables of the queue.
STEPS = 512


class Line(Struct, frozen=True):
    """Some seconds: the mean rate, what was refused, the replicas at the end, the latency of the slowest second.

    replicas: all pods. ready: those that serve. The quantiles are None while nothing was answered.
    """

    second: int
    rate: float
    replicas: int
    ready: int
    refused: float
    p50_seconds: float | None
    p99_seconds: float | None


class Report(Struct, frozen=True):
    """A simulation. Latency is of answered requests, over the whole time. over_seconds: how many seconds missed each
    latency objective by themselves; one in which nothing is answered misses all. changes: of the number of replicas.
    """

    seconds: int
    requests: float
    refused: float
    error_ratio: float
    replica_hours: float
    replicas_mean: float
    replicas_least: int
    replicas_most: int
    changes: int
    latency_seconds: dict[str, float]
    over_seconds: dict[str, int]
    verdicts: list[Verdict]
    timeline: list[Line]

    @property
    def kept(self) -> bool:
        """Whether every objective was kept over the whole time."""
        return all(verdict.kept for verdict in self.verdicts)


def report(run: Run, objectives: list[Objective]) -> Report:
    """Make the report of a simulation."""
    requests, refused = float(run.trace.rates.sum()), float(run.refused.sum())
    error_ratio = refused / requests if requests else 0.0
    latency = Latency(run)
    found = {percent: latency.overall(percent) for percent in PERCENTS} if latency.answers else {}
    over = {
        one.name: int((latency.each(one.percent, silence=np.inf) > one.limit).sum())
        for one in objectives
        if one.percent is not None
    }
    return Report(
        seconds=len(run.trace),
        requests=requests,
        refused=refused,
        error_ratio=error_ratio,
        replica_hours=float(run.replicas.sum()) / 3600,
        replicas_mean=float(run.replicas.mean()),
        replicas_least=int(run.replicas.min()),
        replicas_most=int(run.replicas.max()),
        changes=run.changes,
        latency_seconds={f"p{percent:g}": value for percent, value in found.items()},
        over_seconds=over,
        verdicts=judge(objectives, error_ratio, lambda percent: latency.overall(percent) if latency.answers else None),
        timeline=_timeline(run, latency),
    )


class Latency:
    """The latency of a simulation, second by second and over all."""

    def __init__(self, run: Run) -> None:
        self._queue: Queue = run.queue
        capacity = run.ready * run.queue.replica.rate
        served = run.ready > 0
        self._rates = run.trace.rates
        self._served = served
        self._used = np.divide(run.trace.rates, capacity, out=np.zeros_like(capacity), where=served)
        self._used = np.where(run.piled > 0, 1.0, np.minimum(self._used, 1.0))
        self._piled_seconds = np.divide(run.piled, capacity, out=np.zeros_like(capacity), where=served)
        answered = np.where(served, np.maximum(self._rates - run.refused, 0.0), 0.0)
        self.answers = float(answered.sum())
        self._mix = self._mixed(answered)

    def each(self, percent: float, silence: float = np.nan) -> Values:
        """Return a quantile of each second. silence: what stands for a second whose requests all failed."""
        found = self._queue.quantile_seconds(percent, self._used, self._piled_seconds)
        return np.where(self._served, found, np.where(self._rates > 0, silence, np.nan))

    def overall(self, percent: float) -> float:
        """Return a quantile of all answered requests, in seconds; the smallest that so many do not exceed."""
        low, high = 0.0, float(np.nanmax(self.each(max(percent, 99.9)))) * 2
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            low, high = (middle, high) if self._slower(middle) > 1 - percent / 100 else (low, middle)
        return high

    def _mixed(self, answered: Values) -> tuple[Values, Values, Values]:
        """Return the weights, utilisations and waits of what makes up the whole: equal seconds only once."""
        calm = (self._piled_seconds == 0) & (answered > 0)
        steps = np.rint(self._used[calm] * STEPS).astype(np.int64)
        weights = np.bincount(steps, weights=answered[calm], minlength=STEPS + 1)
        busy = (self._piled_seconds > 0) & (answered > 0)
        return (
            np.concatenate([weights, answered[busy]]),
            np.concatenate([np.arange(STEPS + 1) / STEPS, self._used[busy]]),
            np.concatenate([np.zeros(STEPS + 1), self._piled_seconds[busy]]),
        )

    def _slower(self, seconds: float) -> float:
        """Return the share of all requests that take longer. Nobody waits longer than is accepted."""
        weights, used, piled_seconds = self._mix
        unpiled = np.maximum(seconds - piled_seconds, 0.0)
        share = np.where(seconds < piled_seconds, 1.0, self._queue.slower(unpiled, used))
        limit = max(seconds - self._queue.replica.wait_limit_seconds, 0.0)
        bound = self._queue.slower(np.full(1, limit), np.zeros(1))[0] if limit else 1.0
        return float((weights * np.minimum(share, bound)).sum() / weights.sum())


def _timeline(run: Run, latency: Latency) -> list[Line]:
    count = len(run.trace)
    size = max(LINE_SECONDS, -(-count // MAX_LINES))
    starts = np.arange(0, count, size)
    ends = np.minimum(starts + size, count)
    lengths = ends - starts
    p50, p99 = (np.fmax.reduceat(latency.each(percent), starts).tolist() for percent in (50.0, 99.0))
    columns: list[list[Any]] = [
        starts.tolist(),
        (np.add.reduceat(run.trace.rates, starts) / lengths).tolist(),
        run.replicas[ends - 1].astype(int).tolist(),
        run.ready[ends - 1].astype(int).tolist(),
        np.add.reduceat(run.refused, starts).tolist(),
        [_known(value) for value in p50],
        [_known(value) for value in p99],
    ]
    return [Line(*row) for row in zip(*columns, strict=True)]


def _known(value: float) -> float | None:
    return value if np.isfinite(value) else None
