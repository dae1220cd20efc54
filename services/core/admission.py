"""The decision to accept work, or to refuse it at once with an honest time to come back."""

from math import ceil

from services.core.cost import Cost
from services.core.errors import Overloaded
from services.core.settings import Settings

# A queue shorter than this is not worth a refusal: reading the requests of a batch takes about as long.
SHORT_QUEUE_SECONDS = 0.01
# Without batching so many rows may wait: each of a few dozen connections has one.
SHORT_QUEUE_ROWS = 32


class Admission:
    """Bounds one model's queue in rows and in seconds of its measured service rate."""

    def __init__(self, settings: Settings, cost: Cost, batch_rows: int) -> None:
        self._cost = cost
        self._batch_rows = batch_rows
        self._max_rows = settings.max_queue_rows
        self._max_seconds = settings.max_queue_seconds

    def admit(self, rows: int, queued_rows: int, busy_seconds: float, timeout_seconds: float) -> None:
        """Return if the work may queue.

        queued_rows: what waits now, a large request counted as one batch. busy_seconds: what the run in progress still
        needs, by expectation.
        Raises Overloaded, with the seconds after which the same request would be accepted if nothing else came.
        """
        counted = min(rows, self._batch_rows)
        batches_ahead = (queued_rows + counted - 1) // self._batch_rows
        wait_seconds = busy_seconds + batches_ahead * self._cost.seconds(self._batch_rows)
        if queued_rows and queued_rows + counted > self._max_rows:
            raise Overloaded(
                f"the queue holds {queued_rows} of at most {self._max_rows} rows: try again later",
                reason="queue_full",
                retry_after_seconds=_whole(wait_seconds),
            )
        max_seconds = self._max_seconds or self._short_seconds()
        if wait_seconds > max_seconds and queued_rows:
            raise Overloaded(
                f"the request would wait {wait_seconds:.3f} s, of at most {max_seconds:.3f} s: try again later",
                reason="queue_full",
                retry_after_seconds=_whole(wait_seconds - max_seconds),
            )
        answer_seconds = busy_seconds + self._cost.queue_seconds(queued_rows + rows, self._batch_rows)
        if answer_seconds > timeout_seconds:
            raise Overloaded(
                f"the answer would take about {answer_seconds:.6f} s, and the deadline is in {timeout_seconds:.6f} s",
                reason="deadline",
                retry_after_seconds=_whole(answer_seconds - timeout_seconds),
            )

    def _short_seconds(self) -> float:
        """Return the wait with which an answer takes two full batches of an unloaded server.

        Under load a batch takes longer, and the wait gets what is left; half a batch in any case, or batches would
        never fill.
        """
        rows = self._batch_rows if self._batch_rows > 1 else SHORT_QUEUE_ROWS
        batch_seconds = self._cost.queue_seconds(rows, self._batch_rows)
        left_seconds = 2 * batch_seconds / self._cost.drift - batch_seconds
        return max(left_seconds, batch_seconds / 2, SHORT_QUEUE_SECONDS)


def _whole(seconds: float) -> int:
    return max(1, ceil(seconds))
