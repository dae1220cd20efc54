"""The metrics of the contract, in one object with its own collector registry."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

# 0.1 ms to 10 s: a batch of a small model takes 50 µs, a time-out half a minute.
SECONDS_BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
ROWS_BUCKETS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096)
LOAD_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)


class ModelMetrics(NamedTuple):
    """The metrics of one model, its labels already filled in."""

    queue_seconds: Histogram
    compute_seconds: Histogram
    batch_rows: Histogram
    in_flight: Gauge
    queue_rows: Gauge


class Metrics:
    """Every metric of the contract.

    engine: the same in every metric, so it is given once. shared_folder: where several worker processes gather them.
    """

    def __init__(self, engine: str, shared_folder: Path | None = None) -> None:
        self.engine = engine
        self.registry = CollectorRegistry()
        self._shared_folder = shared_folder
        if shared_folder is None:
            ProcessCollector(registry=self.registry)
        self._requests = self._counter(
            "requests", "Requests answered, by status: how much, how many fail.", "model", "version", "route", "code"
        )
        self._request_seconds = self._histogram(
            "request_duration_seconds", "Seconds from the first byte to the answer: how slow.", "model", "route"
        )
        self._queue_seconds = self._histogram(
            "queue_duration_seconds", "Seconds a request waited for its run.", "model"
        )
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
        self.start_seconds = self._gauge(
            "start_duration_seconds", "Seconds from the start of the process to the first ready.", mode="livemax"
        ).labels(engine)
        self.log_written = self._counter("log_written", "Rows written to the prediction log.").labels(engine)
        self.log_dropped = self._counter("log_dropped", "Rows that the prediction log had to drop.").labels(engine)
        self._counted = cache(self._requests.labels)
        self._timed = cache(self._request_seconds.labels)

    def for_model(self, model: str) -> ModelMetrics:
        """Return the metrics of one model."""
        labels = (self.engine, model)
        return ModelMetrics(
            queue_seconds=self._queue_seconds.labels(*labels),
            compute_seconds=self._compute_seconds.labels(*labels),
            batch_rows=self._batch_rows.labels(*labels),
            in_flight=self._in_flight.labels(*labels),
            queue_rows=self._queue_rows.labels(*labels),
        )

    def answered(self, model: str, version: str, route: str, code: str, seconds: float) -> None:
        """Count one answer. route: the template, never the path."""
        self._counted(self.engine, model, version, route, code).inc()
        self._timed(self.engine, model, route).observe(seconds)

    def refused(self, model: str, reason: str) -> None:
        """Count one refusal of admission."""
        self._refused.labels(self.engine, model, reason).inc()

    def render(self) -> bytes:
        """Return the metrics as Prometheus text: of this process, or of all that share the folder."""
        if self._shared_folder is None:
            return generate_latest(self.registry)
        everyone = CollectorRegistry()
        MultiProcessCollector(everyone, path=str(self._shared_folder))  # type: ignore[no-untyped-call]
        return generate_latest(everyone)

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
