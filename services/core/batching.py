"""Dynamic batching with zero wait when idle: a free runtime takes whatever is queued.

Everything but a run itself happens on the event loop, so the queue needs no lock.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from math import inf
from time import perf_counter

from services.core.admission import Ahead
from services.core.cost import Cost
from services.core.errors import DeadlineExceeded, NotReady
from services.core.jobs import Batch, Job, Outcome, Part, Ran, alike, cut, execute, holds, rows_of
from services.core.metrics import ModelMetrics
from services.core.runtime import Runtime
from services.core.settings import Settings
from services.core.statistics import Statistics
from services.core.tensors import Tensors

# A run expected to take no longer stays on the event loop: handing it to a thread costs about a quarter of it.
INLINE_SECONDS = 200e-6
# A request that nobody waits behind stays there, too, if all of it takes no longer than the first, and no part longer
# than the second: its hand-over is felt at once, and between two parts the loop does what has come meanwhile.
ALONE_SECONDS = 2e-3
ALONE_PART_SECONDS = 500e-6
# A large request's parts run in one hand-over of at most this long; then others have their turn.
TURN_SECONDS = 0.005


class Batcher:
    """The queue of one loaded model, and its only caller."""

    def __init__(
        self,
        runtime: Runtime,
        cost: Cost,
        settings: Settings,
        metrics: ModelMetrics,
        statistics: Statistics,
        *,
        batched: bool = True,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        self._runtime = runtime
        self._cost = cost
        self._metrics = metrics
        self._statistics = statistics
        self.max_rows = settings.max_batch_rows if batched else 1
        self._wait_seconds = settings.batch_wait_seconds
        self._clock = clock
        self._queue: deque[Job] = deque()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="trivet-run")
        self._run_ends_at = 0.0
        self._running: list[Batch] = []
        self._start: asyncio.Handle | None = None
        self._sweep: asyncio.TimerHandle | None = None
        self._sweep_at = inf
        self._earliest_deadline = inf  # a lower bound: jobs that ran leave it as it is
        self._idle: asyncio.Future[None] | None = None
        self._closed = False
        self._had_turn = False
        self.queued_rows = 0

    def submit(self, inputs: Tensors, rows: int, timeout_seconds: float) -> "asyncio.Future[Outcome]":
        """Queue one request of so many rows; the future holds its Outcome.

        The future raises DeadlineExceeded when the work could not start in time, and RuntimeFailed.
        Raises NotReady when another version took over while the request was on its way here.
        """
        if self._closed:
            raise NotReady("the model was just replaced: send again", reason="not_ready", retry_after_seconds=1)
        loop = asyncio.get_running_loop()
        now = self._clock()
        job = Job(inputs, rows, now, now + timeout_seconds, loop.create_future())
        self._queue.append(job)
        self.queued_rows += self.counted_rows(rows)
        self._earliest_deadline = min(self._earliest_deadline, job.deadline)
        if self._running:
            self._sweep_in(loop, timeout_seconds)
        elif self.queued_rows >= self.max_rows and not self._had_turn:
            self._had_turn = True  # the next batch waits for the next turn of the loop: other models have theirs first
            loop.call_soon(self._end_turn)
            self._run_next()
        elif self._start is None:
            wait = min(self._wait_seconds, timeout_seconds / 2)
            self._start = loop.call_later(wait, self._run_next) if wait else loop.call_soon(self._run_next)
        return job.future

    def counted_rows(self, rows: int) -> int:
        """Return what a request counts in the queue: at most one batch."""
        return min(rows, self.max_rows)

    @property
    def is_running(self) -> bool:
        """Whether a run is in progress in the batcher's thread."""
        return bool(self._running)

    def ahead(self) -> Ahead:
        """Return what a request that came now would find before it."""
        waiting = len(self._queue)
        if not self._running:
            return Ahead(waiting, 0, self.queued_rows, 0.0)
        running_rows, requests = rows_of(self._running[0]), sum(map(len, self._running))
        return Ahead(waiting + requests, running_rows, self.queued_rows, max(0.0, self._run_ends_at - self._clock()))

    async def close(self) -> None:
        """Refuse what comes from now on, let queued and running work finish, then free the runtime."""
        self._closed = True
        if self._queue or self._running:
            if self._idle is None:
                self._idle = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._idle)
        if self._sweep is not None:
            self._sweep.cancel()
        self._pool.shutdown()
        self._runtime.close()

    def _end_turn(self) -> None:
        self._had_turn = False
        if self.queued_rows >= self.max_rows:
            self._run_next()

    def _run_next(self) -> None:
        if self._start is not None:
            self._start.cancel()
            self._start = None
        if self._running:
            return
        self._drop_expired()
        batch = self._take_batch()
        if not batch:
            self._finish([])
            return
        if self._is_short(batch):
            self._finish(execute(self._runtime, [batch]))
            return
        batches, expected = self._with_more(batch)
        self._running = batches
        now, loop = self._clock(), asyncio.get_running_loop()
        self._run_ends_at = now + expected
        if self._queue:
            self._sweep_in(loop, max(0.0, self._earliest_deadline - now))
        loop.run_in_executor(self._pool, execute, self._runtime, batches).add_done_callback(self._ran)

    def _ran(self, run: "asyncio.Future[list[Ran]]") -> None:
        self._running = []
        self._finish(run.result())

    def _finish(self, runs: list[Ran]) -> None:
        for run in runs:
            self._deliver(run)
        if self._queue and self._start is None:
            self._start = asyncio.get_running_loop().call_soon(self._run_next)
        elif self._idle is not None and not self._idle.done() and not self._running:
            self._idle.set_result(None)
        self._metrics.queue_rows.set(self.queued_rows)

    def _drop_expired(self) -> None:
        """Answer those whose deadline passed while they waited, and look again when the next one may."""
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        now = self._clock()
        if now >= self._earliest_deadline:
            for job in [job for job in self._queue if job.deadline <= now]:
                self._drop(job)
            self._earliest_deadline = min((job.deadline for job in self._queue), default=inf)
        if self._running and self._queue:
            self._sweep_in(asyncio.get_running_loop(), max(0.0, self._earliest_deadline - now))

    def _sweep_in(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        at = self._clock() + seconds
        if self._sweep is None or at < self._sweep_at:
            if self._sweep is not None:
                self._sweep.cancel()
            self._sweep, self._sweep_at = loop.call_later(seconds, self._drop_expired), at

    def _drop(self, job: Job) -> None:
        self._queue.remove(job)
        self.queued_rows -= self.counted_rows(job.rows)
        if not job.future.done():
            job.future.set_exception(DeadlineExceeded("the deadline passed while the request waited: allow more time"))

    def _is_short(self, batch: Batch) -> bool:
        """Return whether a run may hold the event loop."""
        seconds, job = self._cost.seconds(rows_of(batch)), batch[0].job
        if len(batch) > 1 or any(waiting is not job for waiting in self._queue):
            return seconds <= INLINE_SECONDS
        whole_seconds = self._cost.queue_seconds(job.rows, self.max_rows)
        return seconds <= ALONE_PART_SECONDS and whole_seconds <= ALONE_SECONDS

    def _with_more(self, batch: Batch) -> tuple[list[Batch], float]:
        """Return the batch and, of a large request that is alone, as many parts as one turn allows; their seconds."""
        batches = [batch]
        seconds = self._cost.seconds(rows_of(batch))
        while seconds < TURN_SECONDS and len(self._queue) == 1 and holds(batches[-1], self._queue[0]):
            batches.append(self._take_batch())
            seconds += self._cost.seconds(rows_of(batches[-1]))
        return [batch for batch in batches if batch], seconds

    def _take_batch(self) -> Batch:
        batch: Batch = []
        room = self.max_rows
        now = self._clock()
        while self._queue and room:
            job = self._queue[0]
            large = job.rows > self.max_rows
            if batch and (large or job.rows > room or not alike(job, batch[0].job)):
                break
            self._queue.popleft()
            if not job.taken:
                job.started_at = now
                self._metrics.queue_seconds.observe(now - job.queued_at)
            start = job.taken
            job.taken = min(job.rows, start + room)
            gone = job.future.done()  # the client has gone, or an earlier part failed
            if not gone:
                batch.append(Part(job, start, job.taken))
                room -= job.taken - start
            if job.taken < job.rows and not gone:
                self._queue.append(job)  # behind the others: they are served between its parts
                break
            self.queued_rows -= self.counted_rows(job.rows)
        return batch

    def _deliver(self, run: Ran) -> None:
        rows = rows_of(run.batch)
        self._cost.observe(rows, run.seconds)
        self._metrics.compute_seconds.observe(run.seconds)
        self._metrics.batch_rows.observe(rows)
        self._statistics.ran(rows, run.seconds)
        position = 0
        for job, start, stop in run.batch:
            begin, position = position, position + stop - start
            if job.future.done():
                continue
            if isinstance(run.outputs, Exception):
                job.fail(run.outputs)
                continue
            whole = len(run.batch) == 1
            job.done.append(run.outputs if whole else cut(run.outputs, begin, position))
            job.compute_seconds += run.seconds
            if stop == job.rows:
                job.answer()
