"""The model table: which models this process has, in which state."""

import asyncio
import time
from collections.abc import Collection

from services.core import loaded_model
from services.core.compiled_model import CompiledModel
from services.core.entry import Entry, Evicted, State
from services.core.errors import LoadFailed, NotFound, NotReady
from services.core.eviction import Eviction
from services.core.loaded_model import LoadedModel, LoadRuntime, Prepared
from services.core.metrics import Metrics
from services.core.settings import Settings


class ModelTable:
    """Loads, swaps, evicts and unloads models; finds the one that a request names."""

    def __init__(self, load: LoadRuntime, settings: Settings, metrics: Metrics) -> None:
        self._load = load
        self._settings = settings
        self._metrics = metrics
        self._entries: dict[str, Entry] = {}
        self._default_name = settings.default_model
        self._eviction = Eviction(settings.model_memory_bytes, self._entries.values, self._withdraw)
        # Two loads at once would be measured as slower, and larger, than they are.
        self._one_load = asyncio.Lock()

    def find(self, name: str, version: str | None = None) -> LoadedModel:
        """Return a ready model. Raises NotFound for an unknown name or version, NotReady while it is not served."""
        entry = self._entries.get(name)
        if entry is None:
            raise NotFound(f"there is no model {name!r} here; POST /v2/repository/index lists them")
        model = entry.model
        if model is None or entry.state != "ready":
            raise NotReady(f"the model {name!r} is {entry.state}", reason="not_ready", retry_after_seconds=1)
        if version is not None and version != model.identity.version:
            raise NotFound(f"the model {name!r} has no version {version!r} here; {model.identity.version!r} is served")
        return model

    def find_default(self) -> LoadedModel:
        """Return the model of `/predict`. Raises NotReady while it is not served, NotFound where nothing says which."""
        return self.find(self.default_name())

    def default_name(self) -> str:
        """Return the name of the model of `/predict`; raises as `find_default`."""
        if self._default_name is not None:
            return self._default_name
        if len(self._entries) <= 1:
            raise NotReady("the model is not loaded yet", reason="not_ready", retry_after_seconds=1)
        raise NotFound(
            f"/predict does not say which of {len(self._entries)} models: POST to /v2/models/NAME/infer, or let"
            " TRIVET_DEFAULT_MODEL name one"
        )

    def entries(self) -> list[Entry]:
        """Return the rows of the table."""
        return list(self._entries.values())

    def served(self, name: str) -> LoadedModel | None:
        """Return the model that is served under a name, if there is one."""
        entry = self._entries.get(name)
        return None if entry is None else entry.model

    def previous(self, name: str) -> LoadedModel | None:
        """Return the version that was served before, if it is still loaded."""
        entry = self._entries.get(name)
        return None if entry is None else entry.previous

    def evicted(self, name: str) -> Evicted | None:
        """Return what to load again before this model can answer, if it was evicted."""
        entry = self._entries.get(name)
        return None if entry is None else entry.evicted

    def has_failed(self, name: str) -> bool:
        """Whether nothing is served under a name because it could not be loaded."""
        return name in self._entries and self._entries[name].state == "failed"

    def explain(self, name: str, reason: str) -> None:
        """Say why a model is failed, or is served and not the version that it should be; nothing when it is."""
        entry = self._entries.get(name)
        if entry is not None and entry.state in ("ready", "failed"):
            entry.reason = reason

    def mark(self, name: str, state: State, reason: str = "", *, awaited: bool | None = None) -> None:
        """Note a state that has no loaded model, such as a fetch that is under way or failed.

        awaited: whether the server is ready only with this model; None leaves that as it is.
        """
        entry = self._entries.setdefault(name, Entry(name, state))
        entry.state, entry.reason = state, reason
        if state == "failed":
            entry.evicted = None
        if awaited is not None:
            entry.awaited = awaited

    async def load(self, compiled: CompiledModel) -> LoadedModel:
        """Load and warm up a compiled model beside what is served, then serve it: the swap is one assignment.

        What was served stays loaded as the previous version, and the one before that is freed.
        Raises LoadFailed, CheckFailed, and NotReady where others leave no memory; what was served before goes on.
        """
        async with self._one_load:
            model = await self._load_alone(compiled)
            await self._eviction.trim(compiled.manifest.name)
        return model

    async def load_beside(self, compiled: CompiledModel, settings: Settings) -> Prepared:
        """Load, warm up and check a candidate that shall run beside its served model; its memory counts from then on.

        Raises LoadFailed, CheckFailed, and NotReady where others leave no memory.
        """
        name = compiled.manifest.name
        async with self._one_load:
            await self._eviction.make_room(name, compiled.model_file_bytes())
            candidate = await asyncio.to_thread(
                loaded_model.prepare, compiled, self._load, settings, self.served(name), compiled.model_file_bytes()
            )
            self._eviction.beside_bytes = candidate.size_bytes
            await self._eviction.trim(name)
        return candidate

    def released_beside(self) -> None:
        """Note that no candidate takes memory any longer."""
        self._eviction.beside_bytes = 0

    async def _load_alone(self, compiled: CompiledModel) -> LoadedModel:
        name = compiled.manifest.name
        known = self.evicted(name) or Evicted(compiled, compiled.model_file_bytes(), 0.0)
        served = self.served(name)
        await self._make_room(name, known, served)
        if served is None:
            self.mark(name, "loading")
        started = time.monotonic()
        try:
            model = await asyncio.to_thread(
                loaded_model.load, compiled, self._load, self._settings, self._metrics, served, known.size_bytes
            )
        except LoadFailed as error:
            if self.served(name) is None:
                self.mark(name, "failed", error.message)
            raise
        self._metrics.model_load_seconds.labels(self._metrics.engine, name).observe(time.monotonic() - started)
        if (unused := self._take_over(model)) is not None:
            await unused.batcher.close()
        return model

    async def _make_room(self, name: str, known: Evicted, served: LoadedModel | None) -> None:
        try:
            await self._eviction.make_room(name, known.size_bytes)
        except NotReady as error:
            if served is None:
                self.mark(name, "unloaded", error.message)
                self._entries[name].evicted = known
            raise

    def restore(self, name: str) -> LoadedModel:
        """Serve the previous version again, at once; the one that was served becomes the previous. Raises NotFound."""
        entry = self._entries.get(name)
        if entry is None or entry.model is None or entry.previous is None:
            raise NotFound(f"there is no previous version of {name!r} in this process")
        model, replaced = entry.previous, entry.model
        self._serve(Entry(name, "ready", model=model, previous=replaced), replaced)
        return model

    def change(self, settings: Settings) -> None:
        """Load models with other settings from now on."""
        self._settings = settings
        self._eviction.budget_bytes = settings.model_memory_bytes

    async def retain(self, names: Collection[str]) -> None:
        """Choose the model of `/predict` among these; let every other finish its work, and forget it."""
        self._default_name = self._settings.default_model or (next(iter(names)) if len(names) == 1 else None)
        for name in [name for name in self._entries if name not in names]:
            await self.unload(name)
            self._entries.pop(name, None)

    async def unload(self, name: str) -> None:
        """Stop serving a model, let its work finish and free it. Raises NotFound."""
        entry = self._entries.get(name)
        if entry is None:
            raise NotFound(f"there is no model {name!r} here; POST /v2/repository/index lists them")
        entry.evicted = None
        if entry.model is not None:
            entry.state = "draining"
            self._withdraw(entry.model)
            await entry.model.batcher.close()
            entry.model = None
        if entry.previous is not None:
            previous, entry.previous = entry.previous, None
            await previous.batcher.close()
        entry.state, entry.reason = "unloaded", "unloaded by request"

    async def close(self) -> None:
        """Unload every model."""
        for name in list(self._entries):
            await self.unload(name)

    def _take_over(self, model: LoadedModel) -> LoadedModel | None:
        """Serve a model that was loaded, and return the one to free."""
        name = model.identity.name
        before = self._entries.get(name) or Entry(name, "loading")  # as of now: it may have been unloaded meanwhile
        replaced, previous = before.model, before.previous
        unused: LoadedModel | None
        if replaced is not None and replaced.identity == model.identity:  # the same again, with other settings perhaps
            unused = replaced
        else:
            unused, previous = previous, replaced
        self._serve(Entry(name, "ready", model=model, previous=previous), replaced)
        return unused

    def _serve(self, entry: Entry, replaced: LoadedModel | None) -> None:
        assert entry.model is not None
        self._entries[entry.name] = entry
        if self._default_name is None and len(self._entries) == 1:
            self._default_name = entry.name
        if replaced is not None:
            self._withdraw(replaced)
        self._publish(entry.model, served=True)

    def _withdraw(self, model: LoadedModel) -> None:
        self._publish(model, served=False)

    def _publish(self, model: LoadedModel, *, served: bool) -> None:
        identity = model.identity
        self._metrics.model_ready.labels(identity.engine, identity.name, identity.version).set(served)
        self._metrics.model_info.labels(identity.engine, identity.name, identity.version, identity.digest).set(served)
