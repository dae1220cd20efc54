"""The decision to accept work, or to refuse it at once with an honest time to come back."""

from collections.abc import Callable
from math import ceil
from time import perf_counter
from typing import NamedTuple

from services.core.cost import Cost
from services.core.errors import Overloaded
from services.core.settings import Settings

# In full batches of an unloaded server: how long an answer may take by expectation. What is left of two is for reading,
# writing, and runs that take longer than expected.
ANSWER_BATCHES = 1.4
# Without batching so many runs count as a batch: each of a few dozen connections waits for one.
UNBATCHED_RUNS = 32
# About what reading and answering one request takes: a wait shorter than that of a batch is not worth a refusal.
HTTP_SECONDS = 40e-6
# How long until half of the bytes that the largest rows took is forgotten: few requests of large rows are remembered
# among many of small ones, whatever the rate, since theirs would be taken for many rows.
ROW_BYTES_HALF_LIFE_SECONDS = 60.0


class Ahead(NamedTuple):
    """What a new request finds before it.

    requests: running and waiting. queued_rows: a large request counts as one batch. busy_seconds: what the run in
    progress still needs, by expectation.
    """

    requests: int
    running_rows: int
    queued_rows: int
    busy_seconds: float


class Admission:
    """Bounds one model's queue in rows and in seconds of its measured service rate."""

    def __init__(
        self, settings: Settings, cost: Cost, batch_rows: int, clock: Callable[[], float] = perf_counter
    ) -> None:
        self._cost = cost
        self._batch_rows = batch_rows
        self._full_rows = batch_rows if batch_rows > 1 else UNBATCHED_RUNS
        self._max_rows = settings.max_queue_rows
        self._max_seconds = settings.max_queue_seconds
        self._clock = clock
        self._row_bytes = 0.0
        self._learnt_at = 0.0

    def learn(self, rows: int, body_bytes: int) -> None:
        """Note how many rows a body had."""
        if rows:
            now = self._clock()
            kept = 0.5 ** ((now - self._learnt_at) / ROW_BYTES_HALF_LIFE_SECONDS)
            self._row_bytes = max(body_bytes / rows, self._row_bytes * kept)
            self._learnt_at = now

    def likely_rows(self, body_bytes: int) -> int:
        """Return how many rows a body has if each is as large as the largest lately: rather too few; 0 is unknown."""
        return int(body_bytes / self._row_bytes) if self._row_bytes else 0

    def admit(self, rows: int, ahead: Ahead, timeout_seconds: float, likely_rows: int = 0) -> None:
        """Return if the work may queue.

        rows: as many as there are at least. likely_rows: what counts in the queue where they are not known yet.
        Raises Overloaded, with the seconds after which the same request would be accepted if nothing else came.
        """
        counted = min(max(rows, likely_rows), self._batch_rows)
        answer_seconds = ahead.busy_seconds + self._cost.queue_seconds(ahead.queued_rows + rows, self._batch_rows)
        late_seconds = answer_seconds - timeout_seconds
        if ahead.requests > 1:
            in_flight_rows = ahead.running_rows + ahead.queued_rows + counted
            if in_flight_rows > self._full_rows // 2 or in_flight_rows > self._max_rows:
                self._check_queue(counted, ahead, late_seconds)
        if late_seconds > 0:
            raise Overloaded(
                f"the answer would take about {answer_seconds:.6f} s, and the deadline is in {timeout_seconds:.6f} s",
                reason="deadline",
                retry_after_seconds=_whole(late_seconds),
            )

    def _check_queue(self, counted: int, ahead: Ahead, late_seconds: float) -> None:
        rows = ahead.queued_rows + counted
        wait_seconds = ahead.busy_seconds + (rows - 1) // self._batch_rows * self._cost.seconds(self._batch_rows)
        if ahead.queued_rows and rows > self._max_rows:
            raise Overloaded(
                f"the queue holds {ahead.queued_rows} of at most {self._max_rows} rows: try again later",
                reason="queue_full",
                retry_after_seconds=_whole(max(wait_seconds, late_seconds)),
            )
        max_seconds = self._max_seconds or self._max_wait_seconds(max(ahead.running_rows, rows))
        if wait_seconds > max_seconds:
            raise Overloaded(
                f"the request would wait {wait_seconds:.3f} s, of at most {max_seconds:.3f} s: try again later",
                reason="queue_full",
                retry_after_seconds=_whole(max(wait_seconds - max_seconds, late_seconds)),
            )

    def _max_wait_seconds(self, next_rows: int) -> float:
        """Return the wait that leaves time for a run of so many rows; less when runs take longer than unloaded."""
        answer_seconds = ANSWER_BATCHES * self._cost.unloaded_seconds(self._full_rows, self._batch_rows)
        run_seconds = self._cost.seconds(min(next_rows, self._batch_rows))
        return max(answer_seconds - run_seconds, HTTP_SECONDS * self._full_rows)


def _whole(seconds: float) -> int:
    return max(1, ceil(seconds))
