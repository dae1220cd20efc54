"""Every model of one server, each with its follower; and the tags, by which models come and go."""

import asyncio
import logging
import random
from collections.abc import Callable, Iterable
from typing import NamedTuple

from services.core.errors import NotFound, NotReady, TrivetError
from services.core.loaded_model import LoadedModel
from services.core.metrics import Metrics
from services.core.model_table import ModelTable
from services.http.aside import aside
from services.http.follower import Follower
from services.registry.selection import Selection
from services.registry.source import ModelSource
from services.registry.watch import Rhythm

logger = logging.getLogger("trivet.follower")


class Failure(NamedTuple):
    """A model that cannot be served, or tags that cannot be looked up."""

    uri: str
    reason: str
    unexpected: BaseException | None = None

    @classmethod
    def of(cls, uri: str, error: BaseException) -> "Failure":
        """Return the failure that an exception is; one that is not ours is worth its traceback."""
        return cls(uri, error.message) if isinstance(error, TrivetError) else cls(uri, repr(error), error)


class Followers:
    """Keeps the model table at what a selection names. settled: told when a model is served that was not."""

    def __init__(
        self, selection: Selection, table: ModelTable, metrics: Metrics, settled: Callable[[], None] = lambda: None
    ) -> None:
        self._selection = selection
        self._table = table
        self._metrics = metrics
        self._settled = settled
        self._sources: dict[str, ModelSource] = {}
        self._followers: dict[str, Follower] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._rhythm = Rhythm(selection.watch_interval_seconds, random.random)
        self._look: asyncio.Task[None] | None = None
        self._one_look = asyncio.Lock()

    async def load(self) -> list[Failure]:
        """Load every model, and then serve no others. Returns what failed; what was served before goes on then.

        A model that finds no memory is not loaded, and no failure: a request loads it.
        """
        failures: list[Failure] = []
        self._add(self._selection.named)
        try:
            self._add(await aside(self._selection.tagged, refresh=False))
        except Exception as error:  # whatever it is, probes and operators must learn of it
            failures.append(Failure.of("the tags of TRIVET_MODEL", error))
        sources = list(self._sources.values())
        loads = [self._followers[source.name].load(refresh=False) for source in sources]
        outcomes = await asyncio.gather(*loads, return_exceptions=True)
        for source, outcome in zip(sources, outcomes, strict=True):
            if isinstance(outcome, BaseException) and not isinstance(outcome, NotReady):
                failures.append(Failure.of(source.uri, outcome))
        if not failures:
            await self._table.retain(self._followers)
        return failures

    def follow(self) -> None:
        """Go on with what the aliases and the tags name from now on."""
        for name in self._followers:
            self._follow(name)
        if self._selection.has_tags:
            self._look = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Follow no longer."""
        tasks = [task for task in (*self._tasks.values(), self._look) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def load_one(self, name: str) -> None:
        """Load what the registry says of one model now, whatever its state; it may have been tagged a moment ago.

        Raises NotFound for a model that does not belong here, and as Follower.load.
        """
        if name not in self._followers and self._selection.has_tags:
            await self.look()
        await self._of(name).load(refresh=True)
        self._follow(name)

    def roll_back(self, name: str) -> LoadedModel:
        """Serve the version before; see Follower.roll_back. Raises NotFound."""
        return self._of(name).roll_back(name)

    async def look(self) -> None:
        """Ask which models have the tags: load those that are new, and let those that are gone finish and go."""
        async with self._one_look:
            try:
                tagged = await aside(self._selection.tagged, refresh=True)
            except Exception as error:  # whatever it is, the next look may go well, and serving goes on
                if self._rhythm.failed():
                    logger.warning("the models stay as they are", extra={"reason": Failure.of("", error).reason})
                return
            if self._rhythm.answered():
                logger.info("the registry answers again", extra={"tags": True})
            new = self._add((source for source in tagged if source.name not in self._sources), awaited=False)
            for name in [*(self._sources.keys() - {source.name for source in (*self._selection.named, *tagged)})]:
                await self._forget(name)
            await self._table.retain(self._followers)
            for source in new:
                await self._join(source)

    async def _run(self) -> None:
        await self.look()
        while self._selection.watch_interval_seconds:
            await asyncio.sleep(self._rhythm.next_seconds())
            await self.look()

    def _add(self, sources: Iterable[ModelSource], *, awaited: bool | None = None) -> list[ModelSource]:
        """Take models in; those that are not served yet are loading."""
        added = list(sources)
        for source in added:
            self._sources[source.name] = source
            self._followers[source.name] = Follower(source, self._table, self._metrics, settled=self._settled)
            if self._table.served(source.name) is None:
                self._table.mark(source.name, "loading", awaited=awaited)
        return added

    async def _join(self, source: ModelSource) -> None:
        """Load a model that was not here at the start; the server is ready without it."""
        try:
            await self._followers[source.name].load(refresh=True)
        except Exception as error:  # its follower tries again
            logger.warning("not served", extra={"uri": source.uri, "reason": Failure.of(source.uri, error).reason})
        else:
            logger.info("another model is served", extra={"uri": source.uri})
        self._follow(source.name)

    async def _forget(self, name: str) -> None:
        logger.info("a model is no longer tagged", extra={"model": name})
        del self._sources[name], self._followers[name]
        if (task := self._tasks.pop(name, None)) is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def _follow(self, name: str) -> None:
        if self._sources[name].is_followed and name not in self._tasks:
            self._tasks[name] = asyncio.create_task(self._followers[name].run())

    def _of(self, name: str) -> Follower:
        follower = self._followers.get(name)
        if follower is None:
            raise NotFound(f"{name!r} is none of the models of TRIVET_MODEL; POST /v2/repository/index lists them")
        return follower
