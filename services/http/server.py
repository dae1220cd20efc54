"""One server process: its parts, put together once, and its life from start to drain."""

import asyncio
import gc
import logging
import os
import sys
import time
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

from uuid_utils import uuid7

from services import __version__, runtimes
from services.core.canary import Canary
from services.core.comeback import Comebacks
from services.core.errors import NotReady
from services.core.health import Health
from services.core.inference import Inference
from services.core.last_words import LastWords
from services.core.loaded_model import LoadedModel
from services.core.metrics import Metrics
from services.core.model_table import ModelTable
from services.core.processes import process_started_at
from services.core.settings import Settings
from services.core.shadow import Shadow
from services.http.answer import JSON, Header
from services.http.body import BodyReader
from services.http.candidate import open_candidate
from services.http.followers import Failure, Followers
from services.http.keys import Keys
from services.http.log_counters import LogCounters
from services.prediction_log.log import PredictionLog, open_log
from services.registry.selection import Selection

P = ParamSpec("P")
T = TypeVar("T")

# Decoding or encoding less than this takes well under a millisecond; more goes to a thread, in short pieces.
INLINE_BYTES = 32 * 1024
# How long the event loop waits for such a thread to hand over the interpreter; Python's own 5 ms would be felt by every
# small request beside it.
SWITCH_SECONDS = 0.0005
LOG_FLUSH_SECONDS = 0.1
# How long a worker process that comes after others keeps from listening until it is ready, since they answer meanwhile.
# Longer than a load from the cache takes, and short, because nobody knows whether those others are ready.
LATE_SECONDS = 10.0

logger = logging.getLogger("trivet.server")


class Server:
    """What every request needs, handed to it in its Exchange.

    supervisor_pid: of the process to end when the first load fails and TRIVET_TERMINATION_LOG asks for that; this one,
    or the one that would start this one again. None: it stays.
    """

    def __init__(
        self, settings: Settings, metrics: Metrics, selection: Selection, supervisor_pid: int | None = None
    ) -> None:
        self.version = __version__
        self.settings = settings
        self.metrics = metrics
        self.health = Health()
        self.table = ModelTable(runtimes.load, settings, metrics)
        self.shadow = Shadow(settings, metrics, self.health) if settings.shadow else None
        self.canary = Canary(settings, metrics, self.table) if settings.canary else None
        self.candidate = open_candidate(settings, self.shadow or self.canary, self.table, selection)
        self.inference = Inference(self.health, settings, metrics, self.shadow)
        self.keys = Keys(settings)
        self._supervisor_pid = supervisor_pid
        self.followers = Followers(selection, self.table, metrics, self._settle)
        self._comebacks = Comebacks(self.table, settings.max_queue_rows)
        self.bodies = BodyReader(settings.max_body_bytes, settings.body_timeout_seconds)
        self.prediction_log: PredictionLog | None = open_log(settings, LogCounters(metrics))
        self._tasks: set[asyncio.Task[None]] = set()
        self._serving: asyncio.Task[None] | None = None
        self._start_seconds: float | None = None
        self._headers: dict[bytes, tuple[Header, ...]] = {}

    async def start(self) -> None:
        """Begin to load the models and to write the logs; readiness tells the rest.

        Returns at once, but where other workers share the listening socket only when the models are loaded, or late.
        """
        sys.setswitchinterval(SWITCH_SECONDS)
        if self.prediction_log is not None:
            self.prediction_log.start()
        self._serving = self._spawn(self._become_ready())
        if self.candidate is not None:
            self._spawn(self.candidate.run())
        self._spawn(self._flush_logs())
        self._spawn(self.bodies.watch())
        if self.metrics.has_peers:
            await asyncio.wait({self._serving}, timeout=LATE_SECONDS)

    async def stop(self) -> None:
        """End every task, flush the prediction log, free the models."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.followers.stop()
        await self._comebacks.close()
        if self.candidate is not None:
            await self.candidate.close()
        await self.table.close()
        if self.prediction_log is not None:
            await asyncio.to_thread(self.prediction_log.close, self.settings.drain_timeout_seconds)
        self.metrics.flush()
        for handler in logging.getLogger().handlers:
            handler.flush()

    async def drain(self) -> None:
        """Stop being ready, let others learn of it, stop accepting, and wait for what is in flight."""
        logger.info("draining", extra={"in_flight": self.health.in_flight})
        if not await self.health.drain(self.settings.drain_wait_seconds, self.settings.drain_timeout_seconds):
            logger.error("drain timed out", extra={"in_flight": self.health.in_flight})

    def change(self, settings: Settings) -> None:
        """Go on with the settings of models in these, while requests are served.

        The models that they name are loaded with them beside what is served, and then no others are. A failure keeps
        what is served. Raises SettingsInvalid.
        """
        before, self.followers = self.followers, Followers(Selection(settings), self.table, self.metrics, self._settle)
        if self._serving is not None:
            self._serving.cancel()
        self.settings = settings
        self.table.change(settings)
        if self.candidate is not None:
            self.candidate.change(settings)
        self._serving = self._spawn(self._become_ready(before))

    def is_ready(self) -> bool:
        """Whether the server is neither starting nor draining, and all its models can answer, or were unloaded.

        One that was evicted can: it is loaded again first. One that was tagged later is not waited for.
        """
        entries = self.table.entries()
        failed = any(entry.state == "failed" and entry.awaited for entry in entries)
        return self.health.status == "healthy" and not failed and any(entry.state == "ready" for entry in entries)

    async def present(self, name: str | None = None) -> LoadedModel:
        """Return a model, by default that of `/predict`; one that was evicted comes back first. Raises as these do."""
        name = name or self.table.default_name()
        try:
            return self.table.find(name)
        except NotReady as error:
            await self.come_back(name, error, None)
        return self.table.find(name)

    async def come_back(self, name: str, error: NotReady, timeout_seconds: float | None) -> None:
        """Wait until a model that was evicted is loaded again; raise the error for any other.

        timeout_seconds: the client's, capped by the server's own. Raises NotReady, and Overloaded.
        """
        evicted = self.table.evicted(name)
        if evicted is None:
            raise error
        self.health.check_accepting()
        own_seconds = self.settings.request_timeout_seconds
        self.health.in_flight += 1
        try:
            seconds = own_seconds if timeout_seconds is None else min(timeout_seconds, own_seconds)
            await self._comebacks.wait(name, evicted, seconds)
        finally:
            self.health.in_flight -= 1

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

    async def _become_ready(self, before: Followers | None = None) -> None:
        """Load what the settings name, and follow it. before: who followed what other settings named."""
        if before is not None:
            await before.stop()
        failures = await self.followers.load()
        if failures:
            self._note_failures(failures)
        elif self.health.status != "draining":
            self._note_ready()
        self.followers.follow()

    def _settle(self) -> None:
        """Note that a model is served that had failed; it may have been the last one."""
        if self.health.status == "failed" and not any(entry.state == "failed" for entry in self.table.entries()):
            self._note_ready()

    def _note_ready(self) -> None:
        self.health.status = "healthy"
        if self._start_seconds is None:  # else it serves already, and its settings changed
            # What is there by now stays: each full garbage collection would look at it again, and hold up every request
            # for 10 ms and more.
            gc.freeze()
            self._start_seconds = time.time() - process_started_at()
            self.metrics.start_seconds.set(self._start_seconds)
        facts = {"uri": self.settings.model, "start_seconds": round(self._start_seconds, 3), "pid": os.getpid()}
        logger.info("ready", extra=facts)

    def _note_failures(self, failures: list[Failure]) -> None:
        for uri, reason, unexpected in failures:
            logger.error("not served", extra={"uri": uri, "reason": reason}, exc_info=unexpected)
        if self.health.status == "starting":
            self.health.status = "failed"
            if self._supervisor_pid is not None:
                reasons = "; ".join(failure.reason for failure in failures)
                LastWords(self.settings.termination_log).end(reasons, self._supervisor_pid)

    async def _flush_logs(self) -> None:
        while True:
            await asyncio.sleep(LOG_FLUSH_SECONDS)
            for handler in logging.getLogger().handlers:
                handler.flush()
            self.metrics.flush()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
