"""The memory that the loaded models of one process may take: room for one more, by freeing those used longest ago."""

import logging
from collections.abc import Callable, Iterable

from services.core.entry import Entry, Evicted
from services.core.errors import NotReady
from services.core.loaded_model import LoadedModel
from services.core.memory import Holding, least_recently_used

logger = logging.getLogger("trivet.models")


class Eviction:
    """Keeps the models of a table within a budget.

    budget_bytes: 0 is no limit. entries: the rows of the table, as they are then. withdraw: takes a model out of the
    metrics. beside_bytes: what a candidate beside the table takes; it counts, and is never freed for others.
    """

    def __init__(
        self, budget_bytes: int, entries: Callable[[], Iterable[Entry]], withdraw: Callable[[LoadedModel], None]
    ) -> None:
        self.budget_bytes = budget_bytes
        self.beside_bytes = 0
        self._entries = entries
        self._withdraw = withdraw

    async def make_room(self, name: str, size_bytes: int) -> None:
        """Free what must go before a model of so many bytes is loaded; with every other one freed, it always has room.

        Raises NotReady when too much is in flight elsewhere, and frees nothing then.
        """
        others = self._holdings(besides=name)
        if not self.budget_bytes or not any(holding.name != name for holding in others):
            return
        excess_bytes = self._used_bytes() + size_bytes - self.budget_bytes
        chosen = least_recently_used(others, excess_bytes)
        in_flight = any(not holding.idle for holding in others)
        if in_flight and sum(holding.size_bytes for holding in chosen) < excess_bytes:
            raise NotReady(
                f"the model {name!r} needs {size_bytes} bytes beside what is in flight in others, of"
                f" {self.budget_bytes} (TRIVET_MODEL_MEMORY_BYTES): try again later",
                reason="no_memory",
                retry_after_seconds=1,
            )
        await self._free(chosen, name)

    async def trim(self, name: str) -> None:
        """Free what must go now that this model is loaded, and its size is known; it stays itself."""
        excess_bytes = self._used_bytes() - self.budget_bytes
        if self.budget_bytes and excess_bytes > 0:
            await self._free(least_recently_used(self._holdings(besides=name), excess_bytes), name)

    def _used_bytes(self) -> int:
        models = (model for entry in self._entries() for model in (entry.model, entry.previous))
        return self.beside_bytes + sum(model.size_bytes for model in models if model is not None)

    def _holdings(self, besides: str) -> list[Holding]:
        """Return what could be freed; of the model that it is freed for, only the version before."""
        found: list[Holding] = []
        for entry in self._entries():
            if entry.state != "ready":
                continue
            spare_idle = entry.previous is None or entry.previous.is_idle
            if entry.previous is not None:
                previous = entry.previous
                found.append(Holding(entry.name, previous.size_bytes, previous.used_at, spare_idle, spare=True))
            if entry.model is not None and entry.name != besides:
                model = entry.model
                found.append(Holding(entry.name, model.size_bytes, model.used_at, model.is_idle and spare_idle))
        return found

    async def _free(self, chosen: list[Holding], name: str) -> None:
        """Free models that are idle; nothing can come between the choice and the end of the last one's service."""
        rows = {entry.name: entry for entry in self._entries()}
        freed: list[LoadedModel] = []
        for holding in chosen:
            entry = rows[holding.name]
            model = entry.previous if holding.spare else entry.model
            assert model is not None
            freed.append(model)
            if holding.spare:
                entry.previous = None
                continue
            self._withdraw(model)
            entry.model, entry.state = None, "unloaded"
            entry.evicted = Evicted(model.compiled, model.size_bytes, model.load_seconds)
            entry.reason = f"freed for {name!r} (TRIVET_MODEL_MEMORY_BYTES): the next request loads it again"
            logger.info("model evicted", extra={"model": entry.name, "size_bytes": model.size_bytes, "for": name})
        for model in freed:
            await model.batcher.close()
