"""A candidate runs beside production: on a share of the answered requests, after them, and it answers nobody."""

import asyncio
import logging
import random
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from services.core.agreement import Compared, Given, compare
from services.core.answers import Identity
from services.core.health import Health
from services.core.jobs import cut
from services.core.loaded_model import LoadedModel, Prepared
from services.core.metrics import Metrics, ShadowMetrics
from services.core.settings import Settings
from services.core.tensors import Tensors, size_of

# The shadow runs only while nothing is in flight. What comes during a run shares the machine with it for about so long
# at most, unless one row takes longer.
RUN_SECONDS = 2e-3
# How soon to look again whether nothing is in flight. A lower priority for the thread would be worse than waiting: one
# that holds the interpreter and is not scheduled holds up everybody.
PAUSE_SECONDS = 5e-3

logger = logging.getLogger("trivet.candidate")


class Shadow:
    """The candidate, and the bounded queue before it. Everything but a run happens on the event loop."""

    role = "shadow"
    answers_share = 0.0

    def __init__(
        self, settings: Settings, metrics: Metrics, health: Health, draw: Callable[[], float] = random.random
    ) -> None:
        self._sample_ratio = settings.shadow_sample_ratio
        self._max_rows = settings.shadow_queue_rows
        self._max_bytes = settings.shadow_queue_max_bytes
        self._metrics = metrics
        self._health = health
        self._draw = draw
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="trivet-shadow")
        self._candidate: Prepared | None = None
        self._counts: ShadowMetrics | None = None
        self._run_rows = 1
        self._has_failed = False
        self._waiting: deque[Given] = deque()
        self._rows = self._bytes = 0
        self._running: asyncio.Future[Compared] | None = None
        self._look: asyncio.TimerHandle | None = None
        self.identity: Identity | None = None

    def offer(self, model: LoadedModel, inputs: Tensors, outputs: Tensors, rows: int) -> None:
        """Take one answered request, or leave it: most are not sampled, and one that finds no room is dropped."""
        mine, theirs = self.identity, model.identity
        if self._counts is None or mine is None or mine.name != theirs.name or mine.digest == theirs.digest:
            return
        if self._sample_ratio < 1 and self._draw() >= self._sample_ratio:
            return
        size = size_of(inputs) + size_of(outputs)
        if self._rows + rows > self._max_rows or self._bytes + size > self._max_bytes:
            self._counts.dropped.inc(rows)
            return
        self._waiting.append(Given(inputs, outputs, rows))
        self._rows += rows
        self._bytes += size
        if self._running is None and self._look is None:
            self._look = asyncio.get_running_loop().call_later(PAUSE_SECONDS, self._run_next)

    async def take(self, candidate: Prepared, settings: Settings) -> None:
        """Compare with another candidate from now on; a run of the one before ends, and it is freed."""
        before, running = self._candidate, self._running
        manifest = candidate.compiled.manifest
        version, digest = candidate.compiled.version, candidate.compiled.digest
        self.identity = Identity(manifest.name, version, digest, self._metrics.engine)
        self._counts = self._metrics.for_shadow(manifest.name, version)
        self._run_rows = _rows_of_a_run(candidate, settings.max_batch_rows if manifest.signature.batched else 1)
        self._candidate, self._has_failed = candidate, False
        await _free(before, running)

    async def release(self) -> None:
        """Drop what waits, and compare with nothing; a run ends, and the candidate is freed."""
        before, running = self._candidate, self._running
        if self._counts is not None and self._rows:
            self._counts.dropped.inc(self._rows)
        self._waiting.clear()
        self._rows = self._bytes = 0
        if self._look is not None:
            self._look.cancel()
            self._look = None
        self._candidate = self._counts = self.identity = None
        await _free(before, running)

    async def close(self) -> None:
        """Release the candidate, and end the thread."""
        await self.release()
        self._pool.shutdown()

    def _run_next(self) -> None:
        self._look = None
        if self._candidate is None or self._counts is None or not self._waiting:
            return
        loop = asyncio.get_running_loop()
        if self._health.in_flight:
            self._look = loop.call_later(PAUSE_SECONDS, self._run_next)
            return
        self._running = loop.run_in_executor(self._pool, compare, self._candidate.runtime, self._take())
        self._running.add_done_callback(partial(self._ran, self._counts))

    def _take(self) -> list[Given]:
        """Return what can share a run, oldest first; of a request that is larger than a run, its next rows."""
        batch: list[Given] = []
        room, likeness = self._run_rows, self._waiting[0].likeness()
        while self._waiting and room and self._waiting[0].likeness() == likeness:
            given = self._waiting[0]
            if given.rows > room:
                if batch:
                    break
                rest = Given(
                    cut(given.inputs, room, given.rows), cut(given.outputs, room, given.rows), given.rows - room
                )
                self._waiting[0] = rest
                given = Given(cut(given.inputs, 0, room), cut(given.outputs, 0, room), room)
            else:
                self._waiting.popleft()
            batch.append(given)
            room -= given.rows
            self._rows -= given.rows
            self._bytes -= size_of(given.inputs) + size_of(given.outputs)
        return batch

    def _ran(self, counts: ShadowMetrics, run: "asyncio.Future[Compared]") -> None:
        self._running = None
        compared = run.result()
        for counter, rows in zip(counts[:3], compared[:3], strict=True):
            counter.inc(rows)
        for seconds in compared.seconds:
            counts.compute_seconds.observe(seconds)
        for difference in compared.differences:
            counts.differences.observe(difference)
        if compared.error is not None and not self._has_failed and self.identity is not None:
            self._has_failed = True  # one line for each candidate: the metric counts the rest
            facts = {"model": self.identity.name, "version": self.identity.version}
            logger.warning("the shadow fails on requests", extra={**facts, "reason": repr(compared.error)})
        self._run_next()


async def _free(candidate: Prepared | None, run: "asyncio.Future[Compared] | None") -> None:
    if run is not None:
        await asyncio.wait({run})
    if candidate is not None:
        candidate.runtime.close()


def _rows_of_a_run(candidate: Prepared, most_rows: int) -> int:
    """Return how many rows a run may have to take no longer than RUN_SECONDS by what warm-up measured; at least one."""
    rows = most_rows
    while rows > 1 and candidate.cost.seconds(rows) > RUN_SECONDS:
        rows //= 2
    return rows
