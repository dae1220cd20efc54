"""The simulation: a load, second by second, pods that come and go, and an autoscaler that looks at both."""

from itertools import pairwise

import numpy as np
from msgspec import Struct

from services.simulate.forecast import Forecast, expected, samples
from services.simulate.hpa_spec import Signal
from services.simulate.pods import SAMPLE_SECONDS, Pods
from services.simulate.queueing import Queue, Replica, Values
from services.simulate.replicas import PodMetrics
from services.simulate.trace import GONE, Trace
from services.simulate.world import Gone, Scaler

# The window of the recording rule trivet:inflight:sum, which takes the greater of the mean and of the least of it. That
# is the mean here, where everything is answered or refused.
RULE_SECONDS = 60


class Timing(Struct, frozen=True):
    """How slow the cluster is. cold_start_seconds: from a pod's making to its readiness.

    metric_age_seconds: how old the newest sample is when the autoscaler looks.
    """

    cold_start_seconds: float = 20.0
    metric_age_seconds: float = 15.0


class Run(Struct, frozen=True):
    """What happened, one entry a second. piled: requests that wait beyond what a stationary queue has."""

    trace: Trace
    queue: Queue
    replicas: Values
    ready: Values
    piled: Values
    refused: Values
    changes: int


class Cluster:
    """The world of an autoscaler. It is advanced to a moment, then looked at."""

    def __init__(self, trace: Trace, queue: Queue, timing: Timing, replicas: int, cpu_limit: float | None) -> None:
        self.now_seconds = 0.0
        self.replicas = replicas
        self.ready = replicas
        self.columns = {name: np.zeros(len(trace)) for name in ("replicas", "ready", "piled", "refused")}
        self._trace, self._queue, self._timing, self._cpu_limit = trace, queue, timing, cpu_limit
        self._busy, self._waiting = np.zeros(len(trace)), np.zeros(len(trace))
        self._pods = Pods(replicas, timing.cold_start_seconds)
        self._piled = 0.0

    def scale(self, wanted: int) -> None:
        """Ask for a number of replicas from now on."""
        self._pods.scale(self.now_seconds, wanted)
        self.replicas = wanted

    def advance(self, until: int) -> None:
        """Let the load come until a second. Between two changes of what is ready it is computed in one piece."""
        start = int(self.now_seconds)
        while start < until:
            ready = self._pods.ready(start)
            end = min(until, int(min(np.ceil(self._pods.next_ready_seconds(start)), until)))
            self._serve(start, max(end, start + 1), ready)
            start = max(end, start + 1)
        self.now_seconds = float(until)
        self.ready = self._pods.ready(until)

    def read(self, signal: Signal | Forecast) -> float | Gone:
        """Return a metric as Prometheus has it, from the samples that are there by now."""
        end = max(1, int(self.now_seconds - self._timing.metric_age_seconds))
        gone = GONE[self._trace.states[min(int(self.now_seconds), len(self._trace)) - 1]]
        if gone is not None:
            return gone
        if isinstance(signal, Forecast):
            return self._ahead(end, signal)
        window = slice(max(0, end - RULE_SECONDS), end)
        if signal is Signal.RATE:
            return float(self._trace.rates[window].mean())
        if not self.columns["ready"][end - 1]:
            return Gone.EMPTY
        if signal is Signal.WAITING:
            return float(self._waiting[end - 1])
        return float(self._busy[window].mean() + self._waiting[window].mean())

    def ongoing(self, window_seconds: float) -> float:
        """Return what Ray Serve counts itself; without a replica, those who knock."""
        end = max(1, int(self.now_seconds))
        window = slice(max(0, end - max(1, round(window_seconds))), end)
        if not self.columns["ready"][end - 1]:
            return float(self._trace.rates[end - 1])
        return float(self._busy[window].mean() + self._waiting[window].mean())

    def cpu(self) -> PodMetrics:
        """Return the CPU of the pods that were measured: that of what they served."""
        age_seconds = self._timing.metric_age_seconds
        end = max(1, int(self.now_seconds - age_seconds))
        window = slice(max(0, end - SAMPLE_SECONDS), end)
        served, ready = self._busy[window].sum(), self.columns["ready"][window].sum()
        cores = served / ready * self._queue.replica.cores if ready else 0.0
        usage = round(1000 * (cores if self._cpu_limit is None else min(cores, self._cpu_limit)))
        measured, unready, missing = self._pods.seen(self.now_seconds, age_seconds)
        return PodMetrics(usage * measured, measured, unready, missing)

    def per_pod(self, signal: Signal | Forecast) -> PodMetrics | Gone:
        """Return a metric that each pod hands out itself: who serves has it, nobody else."""
        value = self.read(signal)
        if isinstance(value, Gone):
            return value
        ready = self._pods.ready(self.now_seconds)
        return PodMetrics(round(value * 1000), ready, self._pods.total - ready)

    def _ahead(self, end: int, looks: Forecast) -> float | Gone:
        past = slice(max(0, end - looks.lookback_seconds - RULE_SECONDS), end)
        in_flight, ready = self._busy[past] + self._waiting[past], self.columns["ready"][past]
        since, recorded = samples(in_flight, ready, looks.lookback_seconds, RULE_SECONDS)
        since -= self._timing.metric_age_seconds
        value = expected(since, recorded, looks, self._timing.cold_start_seconds)
        return value if value >= 0 else Gone.EMPTY

    def _serve(self, start: int, end: int, ready: int) -> None:
        """Compute the seconds from start to before end, with so many replicas that serve."""
        part = slice(start, end)
        rates = self._trace.rates[part]
        self.columns["replicas"][part] = self._pods.total
        self.columns["ready"][part] = ready
        if not ready:
            self.columns["refused"][part] = rates
            self.columns["refused"][start] += self._piled
            self._piled = 0.0
            return
        replica = self._queue.replica
        capacity = replica.rate * ready
        if self._piled or rates.max() > capacity:
            self._pile_up(start, rates, capacity)
        used = np.where(self.columns["piled"][part] > 0, 1.0, np.minimum(rates / capacity, 1.0))
        self._busy[part] = used * replica.concurrency * ready
        self._waiting[part] = self.columns["piled"][part] + self._queue.length(used) * ready

    def _pile_up(self, start: int, rates: Values, capacity: float) -> None:
        most = capacity * self._queue.replica.wait_limit_seconds
        piled = self._piled
        for at, rate in enumerate(rates.tolist(), start):
            piled = max(0.0, piled + rate - capacity)
            if piled > most:
                self.columns["refused"][at] = piled - most
                piled = most
            self.columns["piled"][at] = piled
        self._piled = piled


def simulate(
    trace: Trace,
    scaler: Scaler,
    replica: Replica,
    timing: Timing,
    *,
    replicas: int | None = None,
    cpu_limit: float | None = None,
    phase_seconds: int = 0,
) -> Run:
    """Replay a load. replicas: at its start, all ready; by default as few as the autoscaler starts with.

    cpu_limit: in cores, of a pod. phase_seconds: how long before the load's start the autoscaler begins to look.
    """
    led = trace.led(phase_seconds)
    cluster = Cluster(led, Queue(replica), timing, scaler.least if replicas is None else replicas, cpu_limit)
    changes = 0
    looks = [*range(0, len(led), scaler.period_seconds), len(led)]
    for _, until in pairwise(looks):
        cluster.advance(until)
        if until == len(led):
            break
        wanted = scaler.decide(cluster)
        if wanted != cluster.replicas:
            cluster.scale(wanted)
            changes += 1
    columns = {name: column[phase_seconds:] for name, column in cluster.columns.items()}
    return Run(trace=trace, queue=cluster._queue, changes=changes, **columns)
