"""The metrics of the contract, in one object with its own collector registry."""

from collections.abc import Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from services.core.presence import without_unloaded
from services.core.processes import is_alive
from services.core.tallies import Level, Part, Tallies, Tally

# 0.1 ms to 10 s: a batch of a small model takes 50 µs, a time-out half a minute.
SECONDS_BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
ROWS_BUCKETS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096)
# Labels whose values are known, so that a model's counters begin at 0: of one that first shows as 1, Prometheus sees no
# increase.
REFUSAL_REASONS = ("queue_full", "deadline")
RELOAD_OUTCOMES = ("loaded", "swapped", "restored", "refused", "failed", "unreachable")
# From what rounding makes of a probability to the opposite answer.
DIFFERENCE_BUCKETS = (1e-6, 1e-4, 0.001, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1)
LOAD_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)


class ModelMetrics(NamedTuple):
    """The metrics of one model, its labels already filled in."""

    queue_seconds: Tally
    compute_seconds: Tally
    batch_rows: Tally
    in_flight: Level
    queue_rows: Level | Part


class ShadowMetrics(NamedTuple):
    """The metrics of one version in the shadow, its labels already filled in. Each row is in one of four counters."""

    agreed: Counter
    changed: Counter
    failed: Counter
    dropped: Counter
    compute_seconds: Tally
    differences: Tally


class Metrics(Collector):
    """Every metric of the contract.

    engine: the same in every metric, so it is given once. shared_folder: where several worker processes gather them.
    has_peers: whether one of them was there before this one.
    """

    def __init__(self, engine: str, shared_folder: Path | None = None) -> None:
        self.engine, self._shared_folder = engine, shared_folder
        self.registry = CollectorRegistry()
        self.has_peers = shared_folder is not None and any(map(is_alive, exporting(shared_folder)))
        self._tallies = Tallies(self.registry)
        if shared_folder is None:
            ProcessCollector(registry=self.registry)
        self._requests = self._counter(
            "requests", "Requests answered, by status: how much, how many fail.", "model", "version", "route", "code"
        )
        self._request_seconds = self._histogram(
            "request_duration_seconds", "Seconds from the first byte to the answer: how slow.", "model", "route"
        )
        self._queue_seconds = self._histogram("queue_duration_seconds", "Seconds a request waited for a run.", "model")
        self._compute_seconds = self._histogram("compute_duration_seconds", "Seconds of one run of the model.", "model")
        self._batch_rows = self._histogram(
            "batch_rows", "Rows of one run: is batching working.", "model", buckets=ROWS_BUCKETS
        )
        self._in_flight = self._gauge("requests_in_flight", "Requests in flight: what scaling looks at.", "model")
        self._queue_rows = self._gauge("queue_rows", "Rows that wait for a run: the backlog.", "model")
        self._refused = self._counter("refused", "Requests that admission refused, and why.", "model", "reason")
        self.model_ready = self._gauge(
            "model_ready", "1 when the model version is served.", "model", "version", mode="livemin"
        )
        self.model_info = self._gauge(
            "model_info", "1 for the digest that is served.", "model", "version", "digest", mode="livemax"
        )
        self.model_load_seconds = self._histogram(
            "model_load_duration_seconds", "Seconds to load and warm up a model version.", "model", buckets=LOAD_BUCKETS
        )
        self.model_reloads = self._counter("model_reloads", "Loads of another version, by outcome.", "model", "outcome")
        self._add_shadow()
        self.start_seconds = self._gauge(
            "start_duration_seconds", "Seconds from the start of the process to the first ready.", mode="livemax"
        ).labels(engine)
        self.log_written = self._counter("log_written", "Rows written to the prediction log.").labels(engine)
        self.log_dropped = self._counter("log_dropped", "Rows that the prediction log had to drop.").labels(engine)
        self.for_model = cache(self._for_model)
        self._counted = cache(lambda *labels: self._tallies.count(self._requests.labels(*labels)))
        self._timed = cache(lambda *labels: self._tallies.tally(self._request_seconds.labels(*labels)))

    def for_version(self, model: str) -> ModelMetrics:
        """Return the metrics of a model for one of its versions: the backlogs of all add up."""
        metrics = self.for_model(model)
        assert isinstance(metrics.queue_rows, Level)
        return metrics._replace(queue_rows=Part(metrics.queue_rows))

    def answered(self, model: str, version: str, route: str, code: str, seconds: float) -> None:
        """Count one answer. route: the template, never the path."""
        self._counted(self.engine, model, version, route, code).inc()
        self._timed(self.engine, model, route).observe(seconds)

    def refused(self, model: str, reason: str) -> None:
        """Count one refusal of admission."""
        self._refused.labels(self.engine, model, reason).inc()

    def flush(self) -> None:
        """Let the others that share the folder see what this process counted."""
        self._tallies.flush()

    def render(self) -> bytes:
        """Return the metrics as Prometheus text: of this process, or of all that share the folder."""
        return generate_latest(self)

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics as they are now; the gauges of models that are not loaded are not among them."""
        registry = self.registry
        if self._shared_folder is not None:
            self.flush()
            registry = CollectorRegistry()
            MultiProcessCollector(registry, path=str(self._shared_folder))  # type: ignore[no-untyped-call]
        return without_unloaded(registry.collect())

    def _for_model(self, model: str) -> ModelMetrics:
        """Return the metrics of one model; the same for all its versions."""
        labels = (self.engine, model)
        for reason in REFUSAL_REASONS:
            self._refused.labels(*labels, reason)
        for outcome in RELOAD_OUTCOMES:
            self.model_reloads.labels(*labels, outcome)
        return ModelMetrics(
            queue_seconds=self._tallies.tally(self._queue_seconds.labels(*labels)),
            compute_seconds=self._tallies.tally(self._compute_seconds.labels(*labels)),
            batch_rows=self._tallies.tally(self._batch_rows.labels(*labels)),
            in_flight=self._tallies.level(self._in_flight.labels(*labels)),
            queue_rows=self._tallies.level(self._queue_rows.labels(*labels)),
        )

    def _add_shadow(self) -> None:
        self.for_shadow = cache(self._for_shadow)
        self._shadow_rows = self._counter(
            "shadow_rows", "Rows that the shadow ran on, by how its answer compares.", "model", "version", "outcome"
        )
        self._shadow_seconds = self._histogram(
            "shadow_compute_duration_seconds", "Seconds of one run of the shadow.", "model", "version"
        )
        self._shadow_difference = self._histogram(
            "shadow_score_difference",
            "How far the shadow's scores are from those that were answered, from 0 to 1.",
            "model",
            "version",
            buckets=DIFFERENCE_BUCKETS,
        )

    def _for_shadow(self, model: str, version: str) -> ShadowMetrics:
        """Return the metrics of one version in the shadow; each outcome begins at 0."""
        labels = (self.engine, model, version)
        rows = partial(self._shadow_rows.labels, *labels)
        return ShadowMetrics(
            agreed=rows("agreed"),
            changed=rows("changed"),
            failed=rows("failed"),
            dropped=rows("dropped"),
            compute_seconds=self._tallies.tally(self._shadow_seconds.labels(*labels)),
            differences=self._tallies.tally(self._shadow_difference.labels(*labels)),
        )

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"inference_{name}", text, ("engine", *labels), registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str, mode: str = "livesum") -> Gauge:
        return Gauge(
            f"inference_{name}",
            text,
            ("engine", *labels),
            registry=self.registry,
            multiprocess_mode=mode,  # type: ignore[arg-type]
        )

    def _histogram(self, name: str, text: str, *labels: str, buckets: Sequence[float] = SECONDS_BUCKETS) -> Histogram:
        return Histogram(f"inference_{name}", text, ("engine", *labels), registry=self.registry, buckets=buckets)


def exporting(shared_folder: Path) -> set[int]:
    """Return the process ids of the workers whose gauges are in the folder; some may be dead."""
    return {int(file.stem.rpartition("_")[2]) for file in shared_folder.glob("gauge_live*.db")}
