"""One server process: its parts, put together once, and its life from start to drain."""

import asyncio
import logging
import os
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from uuid_utils import uuid7

from services import __version__, runtimes
from services.core.errors import LoadFailed, NotFound, NotReady, TrivetError
from services.core.health import Health
from services.core.inference import Inference
from services.core.metrics import Metrics
from services.core.model_table import LoadedModel, ModelTable
from services.core.settings import Settings
from services.http.answer import JSON, Header
from services.http.body import BodyReader
from services.http.keys import Keys
from services.prediction_log.log import PredictionLog, open_log
from services.registry.source import ModelSource

P = ParamSpec("P")
T = TypeVar("T")

# Decoding or encoding less than this takes well under a millisecond; more goes to a thread, in short pieces.
INLINE_BYTES = 32 * 1024
LOG_FLUSH_SECONDS = 0.1

logger = logging.getLogger("trivet.server")


class Server:
    """What every request needs, handed to it in its Exchange."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self.version = __version__
        self.settings = settings
        self.metrics = metrics
        self.health = Health()
        self.table = ModelTable(runtimes.load, settings, metrics)
        self.inference = Inference(self.health, settings, metrics)
        self.keys = Keys(settings)
        self._source = ModelSource(settings)
        self.bodies = BodyReader(settings.max_body_bytes, settings.body_timeout_seconds)
        self.prediction_log: PredictionLog | None = open_log(settings, LogCounters(metrics))
        self._tasks: set[asyncio.Task[None]] = set()
        self._headers: dict[bytes, tuple[Header, ...]] = {}

    async def start(self) -> None:
        """Begin to load the model and to write the logs; returns at once, and readiness tells the rest."""
        if self.prediction_log is not None:
            self.prediction_log.start()
        self._spawn(self._become_ready())
        self._spawn(self._flush_logs())
        self._spawn(self.bodies.watch())

    async def stop(self) -> None:
        """End every task, flush the prediction log, free the models."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.table.close()
        if self.prediction_log is not None:
            await asyncio.to_thread(self.prediction_log.close, self.settings.drain_timeout_seconds)
        for handler in logging.getLogger().handlers:
            handler.flush()

    async def drain(self) -> None:
        """Stop being ready, let others learn of it, stop accepting, and wait for what is in flight."""
        logger.info("draining", extra={"in_flight": self.health.in_flight})
        if not await self.health.drain(self.settings.drain_wait_seconds, self.settings.drain_timeout_seconds):
            logger.error("drain timed out", extra={"in_flight": self.health.in_flight})

    async def load_model(self, *, refresh: bool) -> None:
        """Load the model of the settings. refresh: ask the registry even where the cache has an answer.

        Raises LoadFailed; what was served before goes on.
        """
        served = self.table.default
        try:
            await self.table.load(await asyncio.to_thread(self._source.find, refresh=refresh))
        except LoadFailed:
            self._count_reload(served, "failed")
            raise
        self._count_reload(served, "swapped")
        if self.health.status != "draining":
            self.health.status = "healthy"

    def _count_reload(self, served: LoadedModel | None, outcome: str) -> None:
        if served is not None:
            self.metrics.model_reloads.labels(self.metrics.engine, served.identity.name, outcome).inc()

    def is_ready(self) -> bool:
        """Every model is ready, and the server is neither starting nor draining."""
        entries = self.table.entries()
        return self.health.status == "healthy" and bool(entries) and all(entry.state == "ready" for entry in entries)

    def new_id(self) -> bytes:
        """Return a fresh request id."""
        return str(uuid7()).encode()

    def model_headers(self, model: LoadedModel) -> tuple[Header, ...]:
        """Return the headers that say which model answered."""
        identity = model.identity
        headers = self._headers.get(model.v2_head)
        if headers is None:
            headers = self._headers[model.v2_head] = (
                JSON,
                (b"model-name", identity.name.encode()),
                (b"model-version", identity.version.encode()),
                (b"model-digest", identity.digest.encode()),
            )
        return headers

    async def off_loop(self, size: int, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do the work here when it concerns few bytes, else in a thread."""
        if size <= INLINE_BYTES:
            return work(*args, **kwargs)
        return await asyncio.to_thread(work, *args, **kwargs)

    async def _become_ready(self) -> None:
        name = self._source.name
        if name:
            self.table.mark(name, "loading")
        try:
            await self.load_model(refresh=False)
        except Exception as error:  # whatever it is, probes and operators must learn of it
            reason = error.message if isinstance(error, TrivetError) else repr(error)
            self.health.status = "failed"
            if name:
                self.table.mark(name, "failed", reason)
            unexpected = None if isinstance(error, TrivetError) else error
            logger.error("not served", extra={"uri": self.settings.model, "reason": reason}, exc_info=unexpected)
            return
        seconds = time.time() - process_started_at()
        self.metrics.start_seconds.set(seconds)
        facts = {"uri": self.settings.model, "start_seconds": round(seconds, 3), "pid": os.getpid()}
        logger.info("ready", extra=facts)
        if name:
            await self._follow()

    async def _follow(self) -> None:
        """Serve what the URI names by now: once after a start from the cache, then at every interval."""
        interval_seconds = self.settings.watch_interval_seconds
        await self._look_again()
        while interval_seconds:
            await asyncio.sleep(interval_seconds)
            await self._look_again()

    async def _look_again(self) -> None:
        try:
            named = await asyncio.to_thread(self._source.current)
            served = self.table.find(named.name).identity
            if (named.version, named.digest) != (served.version, served.digest):
                await self.load_model(refresh=True)
        except (LoadFailed, NotFound, NotReady) as error:
            logger.warning("the model stays as it is", extra={"uri": self.settings.model, "reason": error.message})

    async def _flush_logs(self) -> None:
        while True:
            await asyncio.sleep(LOG_FLUSH_SECONDS)
            for handler in logging.getLogger().handlers:
                handler.flush()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class LogCounters:
    """The prediction log's two counters."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def written(self, rows: int) -> None:
        """Count rows that are in the database."""
        self._metrics.log_written.inc(rows)

    def dropped(self, rows: int) -> None:
        """Count rows that never will be."""
        self._metrics.log_dropped.inc(rows)


def process_started_at() -> float:
    """Return when this process started, in seconds since the epoch. Source: proc(5), /proc/PID/stat field 22."""
    ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    uptime = float(Path("/proc/uptime").read_text().split()[0])
    return time.time() - uptime + ticks / os.sysconf("SC_CLK_TCK")
