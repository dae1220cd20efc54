"""Serves what one URI names by now: looks, loads beside what is served, swaps; or keeps that, and says why."""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Callable

from services.core.compiled_model import CompiledModel
from services.core.errors import CheckFailed, LoadFailed, NotReady, TrivetError
from services.core.loaded_model import LoadedModel
from services.core.metrics import Metrics
from services.core.model_table import ModelTable
from services.http.aside import aside
from services.registry.fetch import Current
from services.registry.source import ModelSource
from services.registry.watch import Attempts, Rhythm, Target

logger = logging.getLogger("trivet.follower")


class Follower:
    """Keeps one model of the table at what its source names.

    name: of the model. settled: told when the model is served after it was not.
    """

    def __init__(
        self,
        source: ModelSource,
        table: ModelTable,
        metrics: Metrics,
        clock: Callable[[], float] = time.monotonic,
        settled: Callable[[], None] = lambda: None,
    ) -> None:
        self._source = source
        self.name = source.name
        self._settled = settled
        self._table = table
        self._metrics = metrics
        self._interval_seconds = source.watch_interval_seconds
        self._rhythm = Rhythm(self._interval_seconds, random.random)
        self._attempts = Attempts(clock)
        self._rolled_back = False

    async def load(self, *, refresh: bool) -> None:
        """Load what the source names and serve it. refresh: ask the registry even where the cache has an answer.

        Raises LoadFailed, CheckFailed, and NotReady where other models leave no memory; what was served before goes on.
        """
        served = self._table.served(self.name)
        try:
            compiled = await aside(self._source.find, refresh=refresh)
            await self._table.load(compiled)
        except NotReady:
            raise
        except Exception as error:
            if served is not None:
                self._count(self.name, _outcome(error))
            else:
                self._table.mark(self.name, "failed", _reason(error))
            raise
        self._rolled_back = False
        if served is not None:
            self._count(self.name, "swapped")
        await self._remember(compiled)
        self._settled()

    def roll_back(self, name: str) -> LoadedModel:
        """Serve the version before, until the alias moves; asked twice, it goes back once.

        Raises NotFound when there is none.
        """
        served = self._table.served(name)
        if self._rolled_back and served is not None:
            return served
        model = self._table.restore(name)
        self._rolled_back = True
        self._count(name, "restored")
        logger.warning("rolled back by request", extra=_facts(model))
        return model

    async def run(self) -> None:
        """Look once, as a start from the cache needs, then at every interval."""
        await self.look()
        while self._interval_seconds:
            await asyncio.sleep(self._rhythm.next_seconds())
            await self.look()

    async def look(self) -> None:
        """Ask what the URI names, and serve that if it can be."""
        try:
            now = await aside(self._source.current)
        except Exception as error:  # whatever it is, the next look may go well, and serving goes on
            self._stays(self.name, "unreachable", _reason(error), log=self._rhythm.failed())
            return
        if self._rhythm.answered():
            logger.info("the registry answers again", extra={"model": now.name})
        served = self._table.served(now.name)
        if served is None and not self._table.has_failed(now.name):
            return  # unloaded, and only a request brings it back
        if self._attempts.see(Target.of(now)):
            self._rolled_back = False
        if served is not None and _is(served, now):
            self._table.explain(now.name, "")
        elif self._rolled_back:
            self._table.explain(now.name, f"version {now.version} was rolled back by request, until the alias moves")
        elif self._attempts.is_due():
            await self._take(now)
        else:
            self._table.explain(now.name, self._attempts.reason)

    async def _take(self, now: Current) -> None:
        previous = self._table.previous(now.name)
        if previous is not None and _is(previous, now):
            await self._serves(self._table.restore(now.name), "restored")
            return
        try:
            compiled = await aside(self._source.obtain, now)
        except Exception as error:  # a registry, a network, a disk
            self._attempts.failed(f"version {now.version} cannot be fetched: {_reason(error)}")
            self._stays(now.name, "failed", self._attempts.reason)
            return
        outcome = "loaded" if self._table.served(now.name) is None else "swapped"
        try:
            await self._serves(await self._table.load(compiled), outcome)
        except LoadFailed as error:
            self._attempts.refused(f"version {now.version} is not served: {error.message}")
            self._stays(now.name, _outcome(error), self._attempts.reason)
        except Exception as error:  # memory, perhaps
            self._attempts.failed(f"version {now.version} cannot be loaded: {_reason(error)}")
            self._stays(now.name, "failed", self._attempts.reason)

    async def _serves(self, model: LoadedModel, outcome: str) -> None:
        self._rolled_back = False  # by a request that came while this version was on its way
        self._count(model.identity.name, outcome)
        logger.info("another version is served", extra={**_facts(model), "outcome": outcome})
        await self._remember(model.compiled)
        self._settled()

    def _stays(self, name: str, outcome: str, reason: str, *, log: bool = True) -> None:
        """Say everywhere why the model stays what it is."""
        self._count(name, outcome)
        self._table.explain(name, reason)
        if log:
            logger.warning("the model stays as it is", extra={"model": name, "outcome": outcome, "reason": reason})

    async def _remember(self, compiled: CompiledModel) -> None:
        with contextlib.suppress(OSError):  # a full disk; then the next start asks the registry first
            await aside(self._source.remember, compiled)

    def _count(self, name: str, outcome: str) -> None:
        self._metrics.model_reloads.labels(self._metrics.engine, name, outcome).inc()


def _facts(model: LoadedModel) -> dict[str, str]:
    identity = model.identity
    return {"model": identity.name, "version": identity.version, "digest": identity.digest}


def _is(model: LoadedModel, now: Current) -> bool:
    return Target.of(now) == (model.identity.version, model.identity.digest)


def _outcome(error: Exception) -> str:
    return "refused" if isinstance(error, CheckFailed) else "failed"


def _reason(error: Exception) -> str:
    return error.message if isinstance(error, TrivetError) else repr(error)
