"""Models that were evicted, loaded again by the requests that need them."""

import asyncio
import logging
from collections import Counter
from math import ceil

from services.core import compiled_model
from services.core.entry import Evicted
from services.core.errors import LoadFailed, NotReady, Overloaded
from services.core.model_table import ModelTable

logger = logging.getLogger("trivet.models")


class Comebacks:
    """One load for all requests that wait for the same model.

    max_waiting: how many may wait for one model.
    """

    def __init__(self, table: ModelTable, max_waiting: int) -> None:
        self._table = table
        self._max_waiting = max_waiting
        self._loads: dict[str, asyncio.Task[None]] = {}
        self._waiting: Counter[str] = Counter()

    async def wait(self, name: str, evicted: Evicted, timeout_seconds: float) -> None:
        """Return once the load of an evicted model is over, however it ended.

        Raises NotReady when it takes longer, and goes on, or when others leave it no memory; Overloaded when too many
        wait.
        """
        seconds = max(1, ceil(evicted.load_seconds))
        if self._waiting[name] >= self._max_waiting:
            raise Overloaded(
                f"{self._max_waiting} requests wait for the model {name!r} to be loaded again: try again later",
                reason="queue_full",
                retry_after_seconds=seconds,
            )
        load = self._loads.get(name) or self._start(name, evicted)
        self._waiting[name] += 1
        try:
            await asyncio.wait({load}, timeout=timeout_seconds)
        finally:
            self._waiting[name] -= 1
        if not load.done():
            raise NotReady(f"the model {name!r} is loading", reason="not_ready", retry_after_seconds=seconds)
        if not load.cancelled() and isinstance(error := load.exception(), NotReady):
            raise NotReady(error.message, reason=error.reason, retry_after_seconds=seconds)

    async def close(self) -> None:
        """End what is under way."""
        for load in self._loads.values():
            load.cancel()
        await asyncio.gather(*self._loads.values(), return_exceptions=True)

    def _start(self, name: str, evicted: Evicted) -> asyncio.Task[None]:
        load = self._loads[name] = asyncio.create_task(self._load(name, evicted))
        return load

    async def _load(self, name: str, evicted: Evicted) -> None:
        """Load what was served, verified again; what is wrong with it stands in the table."""
        was = evicted.compiled
        try:
            compiled = await asyncio.to_thread(
                compiled_model.read, was.folder, version=was.version, expected_digest=was.digest
            )
            await self._table.load(compiled)
        except NotReady:
            raise
        except Exception as error:  # whatever a runtime raises, requests and operators must learn of it
            unexpected = None if isinstance(error, LoadFailed) else error
            reason = error.message if isinstance(error, LoadFailed) else repr(error)
            logger.error("not loaded again", extra={"model": name, "reason": reason}, exc_info=unexpected)
            self._table.mark(name, "failed", reason)
        finally:
            del self._loads[name]
