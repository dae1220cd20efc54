"""A model that can run, and how a compiled model becomes one: load, warm up, check."""

import logging
import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from services.core.admission import Admission
from services.core.answers import Identity, v2_head
from services.core.batching import Batcher
from services.core.compiled_model import CompiledModel
from services.core.cost import Cost
from services.core.memory import resident_bytes
from services.core.metrics import Metrics, ModelMetrics
from services.core.recent import Recent
from services.core.runtime import Runtime
from services.core.settings import Settings
from services.core.signature import Signature
from services.core.statistics import Statistics
from services.core.swap_check import check_answers, check_signature, check_speed
from services.core.warm_up import check_sample, warm_up

LoadRuntime = Callable[[CompiledModel, Settings], Runtime]

logger = logging.getLogger("trivet.models")


class LoadedModel:
    """A model that can run: what a request needs of it, at hand.

    size_bytes: what it takes of memory. load_seconds: how long its load took.
    """

    def __init__(
        self,
        compiled: CompiledModel,
        runtime: Runtime,
        cost: Cost,
        settings: Settings,
        metrics: Metrics,
        *,
        size_bytes: int = 0,
        load_seconds: float = 0.0,
    ) -> None:
        self.compiled = compiled
        self.size_bytes = size_bytes
        self.load_seconds = load_seconds
        self._loaded_at = time.time()
        self.signature: Signature = compiled.manifest.signature
        self.platform = runtime.platform
        self.identity = Identity(compiled.manifest.name, compiled.version, compiled.digest, metrics.engine)
        self.v2_head = v2_head(self.identity)
        self.metrics: ModelMetrics = metrics.for_version(self.identity.name)
        self.statistics = Statistics()
        self.cost = cost
        self.batcher = Batcher(runtime, cost, settings, self.metrics, self.statistics, batched=self.signature.batched)
        self.admission = Admission(settings, cost, self.batcher.max_rows)
        self.recent = Recent(
            settings.swap_replay_rows if settings.swap_max_changed_ratio < 1 else 0, settings.swap_replay_max_bytes
        )

    @property
    def used_at(self) -> float:
        """When it last answered or, before that, when it was loaded, in seconds since the epoch."""
        return max(self._loaded_at, self.statistics.last_at)

    @property
    def is_idle(self) -> bool:
        """Whether nothing of it is in flight."""
        return not self.batcher.ahead().requests


class Prepared(NamedTuple):
    """A compiled model that has passed every check; its runtime is warm, and nothing runs on it yet."""

    compiled: CompiledModel
    runtime: Runtime
    cost: Cost
    size_bytes: int = 0
    load_seconds: float = 0.0

    def loaded(self, settings: Settings, metrics: Metrics) -> LoadedModel:
        """Return what can take requests."""
        compiled, runtime, cost, size_bytes, load_seconds = self
        return LoadedModel(compiled, runtime, cost, settings, metrics, size_bytes=size_bytes, load_seconds=load_seconds)


def load(
    compiled: CompiledModel,
    load_runtime: LoadRuntime,
    settings: Settings,
    metrics: Metrics,
    served: LoadedModel | None,
    least_bytes: int = 0,
) -> LoadedModel:
    """Return a model that may be served; see `prepare`."""
    return prepare(compiled, load_runtime, settings, served, least_bytes).loaded(settings, metrics)


def prepare(
    compiled: CompiledModel,
    load_runtime: LoadRuntime,
    settings: Settings,
    served: LoadedModel | None,
    least_bytes: int = 0,
) -> Prepared:
    """Load and warm up a compiled model, and check that it may take over from the one that is served, if there is one.

    Its size is how much the process's resident memory grew by load and warm-up, and at least least_bytes: what earlier
    models left may be used again, and then it does not grow. Blocks for as long as that takes: call it in a thread.
    Raises LoadFailed, and CheckFailed.
    """
    started, resident_before = time.monotonic(), resident_bytes()
    runtime = load_runtime(compiled, settings)
    try:
        measured = warm_up(runtime, compiled.manifest, settings.max_batch_rows)
        check_sample(runtime, compiled.manifest, settings.sample_tolerance)
        replayed_rows = 0
        if served is not None:
            replayed_rows = _check_takeover(served, compiled, runtime, settings)
    except BaseException:
        runtime.close()
        raise
    load_seconds = time.monotonic() - started
    size_bytes = max(resident_bytes() - resident_before, least_bytes)
    prepared = Prepared(compiled, runtime, Cost(measured), size_bytes, load_seconds)
    _log(prepared, measured[0][1], replayed_rows)
    return prepared


def _log(model: Prepared, one_row_seconds: float, replayed_rows: int) -> None:
    logger.info(
        "model loaded",
        extra={
            "model": model.compiled.manifest.name,
            "version": model.compiled.version,
            "digest": model.compiled.digest,
            "runtime": model.compiled.manifest.runtime,
            "duration_seconds": round(model.load_seconds, 4),
            "size_bytes": model.size_bytes,
            "one_row_seconds": round(one_row_seconds, 7),
            "replayed_rows": replayed_rows,
        },
    )


def _check_takeover(served: LoadedModel, compiled: CompiledModel, runtime: Runtime, settings: Settings) -> int:
    """Return how many rows were replayed. Raises CheckFailed."""
    signature = compiled.manifest.signature
    if settings.swap_same_signature:
        check_signature(served.signature, signature)
    if _is_older(compiled.version, served.identity.version):
        return 0  # a way back must not be refused for being unlike what it is the way back from
    if settings.swap_max_slowdown:
        measure = partial(warm_up, runtime, compiled.manifest, settings.max_batch_rows)
        check_speed(served.cost, measure, settings.swap_max_slowdown)
    return check_answers(
        runtime,
        served.recent.answered(),
        settings.max_batch_rows if signature.batched else 1,
        settings.swap_max_changed_ratio,
    )


def _is_older(version: str, served: str) -> bool:
    return version.isdecimal() and served.isdecimal() and int(version) < int(served)
