"""The model table: which models this process has, in which state."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Literal

import msgspec

from services.core.admission import Admission
from services.core.answers import Identity, v2_head
from services.core.batching import Batcher
from services.core.compiled_model import CompiledModel
from services.core.cost import Cost
from services.core.errors import LoadFailed, NotFound, NotReady
from services.core.metrics import Metrics, ModelMetrics
from services.core.runtime import Runtime
from services.core.settings import Settings
from services.core.signature import Signature
from services.core.statistics import Statistics
from services.core.warm_up import warm_up

State = Literal["loading", "ready", "draining", "failed", "unloaded"]
Load = Callable[[CompiledModel, Settings], Runtime]

logger = logging.getLogger("trivet.models")


class LoadedModel:
    """A model that can run: what a request needs of it, at hand."""

    def __init__(
        self, compiled: CompiledModel, runtime: Runtime, cost: Cost, settings: Settings, metrics: Metrics
    ) -> None:
        self.compiled = compiled
        self.signature: Signature = compiled.manifest.signature
        self.platform = runtime.platform
        self.identity = Identity(compiled.manifest.name, compiled.version, compiled.digest, metrics.engine)
        self.v2_head = v2_head(self.identity)
        self.metrics: ModelMetrics = metrics.for_model(self.identity.name)
        self.statistics = Statistics()
        self.batcher = Batcher(runtime, cost, settings, self.metrics, self.statistics, batched=self.signature.batched)
        self.admission = Admission(settings, cost, self.batcher.max_rows)


class Entry(msgspec.Struct):
    """One row of the table. reason: why a model is failed."""

    name: str
    state: State
    reason: str = ""
    model: LoadedModel | None = None


class ModelTable:
    """Loads, swaps and unloads models; finds the one that a request names."""

    def __init__(self, load: Load, settings: Settings, metrics: Metrics) -> None:
        self._load = load
        self._settings = settings
        self._metrics = metrics
        self._entries: dict[str, Entry] = {}
        self.default: LoadedModel | None = None

    def find(self, name: str, version: str | None = None) -> LoadedModel:
        """Return a ready model. Raises NotFound for an unknown name or version, NotReady while it is not served."""
        entry = self._entries.get(name)
        if entry is None:
            raise NotFound(f"there is no model {name!r} here; GET /v2/repository/index lists them")
        model = entry.model
        if model is None or entry.state != "ready":
            raise NotReady(f"the model {name!r} is {entry.state}", reason="not_ready", retry_after_seconds=1)
        if version is not None and version != model.identity.version:
            raise NotFound(f"the model {name!r} has no version {version!r} here; {model.identity.version!r} is served")
        return model

    def find_default(self) -> LoadedModel:
        """Return the model of `/predict`. Raises NotReady while there is none."""
        if self.default is None or self._entries[self.default.identity.name].state != "ready":
            raise NotReady("the model is not loaded yet", reason="not_ready", retry_after_seconds=1)
        return self.default

    def entries(self) -> list[Entry]:
        """Return the rows of the table."""
        return list(self._entries.values())

    def mark(self, name: str, state: State, reason: str = "") -> None:
        """Note a state that has no loaded model, such as a fetch that is under way or failed."""
        entry = self._entries.setdefault(name, Entry(name, state))
        entry.state, entry.reason = state, reason

    async def load(self, compiled: CompiledModel) -> LoadedModel:
        """Load and warm up a compiled model beside what is served, then serve it: the swap is one assignment.

        Raises LoadFailed; what was served before goes on.
        """
        name = compiled.manifest.name
        if self._loaded(name) is None:
            self.mark(name, "loading")
        started = time.monotonic()
        try:
            model = await asyncio.to_thread(self._load_now, compiled)
        except LoadFailed as error:
            if self._loaded(name) is None:
                self.mark(name, "failed", error.message)
            raise
        self._metrics.model_load_seconds.labels(self._metrics.engine, name).observe(time.monotonic() - started)
        replaced = self._loaded(name)  # as of now: another load may have come first
        self._entries[name] = Entry(name, "ready", model=model)
        if self.default is None or self.default.identity.name == name:
            self.default = model
        if replaced is not None:
            self._publish(replaced, served=False)
        self._publish(model, served=True)
        if replaced is not None:
            await replaced.batcher.close()
        return model

    async def unload(self, name: str) -> None:
        """Stop serving a model, let its work finish and free it. Raises NotFound."""
        entry = self._entries.get(name)
        if entry is None:
            raise NotFound(f"there is no model {name!r} here")
        if entry.model is not None:
            entry.state = "draining"
            self._publish(entry.model, served=False)
            await entry.model.batcher.close()
            entry.model = None
        entry.state, entry.reason = "unloaded", "unloaded by request"

    async def close(self) -> None:
        """Unload every model."""
        for name in list(self._entries):
            await self.unload(name)

    def _loaded(self, name: str) -> LoadedModel | None:
        entry = self._entries.get(name)
        return None if entry is None else entry.model

    def _load_now(self, compiled: CompiledModel) -> LoadedModel:
        started = time.monotonic()
        runtime = self._load(compiled, self._settings)
        try:
            measured = warm_up(runtime, compiled.manifest, self._settings.max_batch_rows)
        except LoadFailed:
            runtime.close()
            raise
        logger.info(
            "model loaded",
            extra={
                "model": compiled.manifest.name,
                "version": compiled.version,
                "digest": compiled.digest,
                "runtime": compiled.manifest.runtime,
                "duration_seconds": round(time.monotonic() - started, 4),
                "one_row_seconds": round(measured[0][1], 7),
            },
        )
        return LoadedModel(compiled, runtime, Cost(measured), self._settings, self._metrics)

    def _publish(self, model: LoadedModel, *, served: bool) -> None:
        identity = model.identity
        self._metrics.model_ready.labels(identity.engine, identity.name, identity.version).set(served)
        self._metrics.model_info.labels(identity.engine, identity.name, identity.version, identity.digest).set(served)
