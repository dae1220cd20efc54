"""The contract's metrics, copied into Ray's, so that Ray's metrics agent exports them beside its own."""

import asyncio
from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.registry import Collector
from ray.util.metrics import Gauge

# Off the path of requests; as often as Ray's agent looks, or more often, so that a scrape is never older than that.
COPY_SECONDS = 1.0
PREFIX = "inference_"

# A sample's name and labels.
Series = tuple[str, frozenset[tuple[str, str]]]


class Bridge:
    """Copies every sample of one replica's metrics into a Ray gauge of the sample's own name.

    A gauge, whatever the sample is: Ray would add up increments and append a second `_total`, and a sample already is
    the sum that Prometheus wants. Nothing is copied twice, so counters stay exact.
    """

    def __init__(self, metrics: Collector) -> None:
        self._metrics = metrics
        self._gauges: dict[str, Gauge] = {}
        self._copied: set[Series] = set()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Copy every second, as long as the event loop runs."""
        self._task = asyncio.create_task(self._run())

    def copy(self) -> None:
        """Copy every sample of the contract's metrics, as it is now."""
        copied: set[Series] = set()
        for family in self._metrics.collect():
            if family.name.startswith(PREFIX):
                copied.update(self._copy_family(family))
        for name, labels in self._copied - copied:  # of an unloaded model; Ray forgets no series of a process that runs
            self._gauges[name].set(0, tags=dict(labels))
        self._copied = copied

    async def _run(self) -> None:
        while True:
            self.copy()
            await asyncio.sleep(COPY_SECONDS)

    def _copy_family(self, family: Metric) -> Iterator[Series]:
        for sample in family.samples:
            if sample.name.endswith("_created"):
                continue
            gauge = self._gauges.get(sample.name)
            if gauge is None:
                gauge = self._gauges[sample.name] = Gauge(sample.name, family.documentation, tuple(sample.labels))
            gauge.set(sample.value, tags=sample.labels)
            yield sample.name, frozenset(sample.labels.items())
