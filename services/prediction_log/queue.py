"""The bounded queue between requests and the writer: never blocks, drops its oldest rows, counts each drop."""

from collections import deque
from collections.abc import Sequence
from threading import Event
from typing import Protocol

import msgspec

from services.prediction_log.record import Record

# So many rows are worth a transaction before the writer's pause is over. What is written at once is taken from the
# requests of that moment (a row: 10 us), and under load a whole pause gathers more than a thousand.
ENOUGH_ROWS = 128


class LogMetrics(Protocol):
    """Where the prediction log counts its rows. Called from several threads."""

    def written(self, rows: int) -> None:
        """Count rows that are in the database."""

    def dropped(self, rows: int) -> None:
        """Count rows that never will be."""


class Feedback(msgspec.Struct):
    """The truth about one request, told afterwards. at: seconds since the epoch, UTC. truth: any JSON value."""

    at: float
    request_id: str
    truth: object


class Row(msgspec.Struct):
    """A converted row: its values in the order of the table's columns. Keeps its id when it is written again."""

    table: str
    values: tuple[object, ...]


Item = Record | Feedback | Row


class RowQueue:
    """At most `limit` rows; one more drops the oldest. Any thread may call any method.

    Exact without a lock: each of the deque's methods is atomic, and whoever takes a row out is the one that counts it.
    """

    def __init__(self, limit: int, metrics: LogMetrics) -> None:
        self._items: deque[Item] = deque()
        self._limit = limit
        self._metrics = metrics
        self._enough = Event()

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: Item) -> None:
        """Append one row; drop the oldest when there are too many."""
        self._items.append(item)
        rows = len(self._items)
        if rows > self._limit:
            self._drop_oldest()
        if rows >= ENOUGH_ROWS and not self._enough.is_set():
            self._enough.set()

    def wait(self, seconds: float, stopping: Event) -> None:
        """Return when enough rows wait, after so long, or when it stops: set `stopping`, then call `wake`."""
        self._enough.clear()
        if len(self._items) < ENOUGH_ROWS and not stopping.is_set():
            self._enough.wait(seconds)

    def wake(self) -> None:
        """End a wait."""
        self._enough.set()

    def take(self, rows: int) -> list[Item]:
        """Take out up to so many rows, oldest first."""
        taken: list[Item] = []
        try:
            while len(taken) < rows:
                taken.append(self._items.popleft())
        except IndexError:
            pass
        return taken

    def put_back(self, rows: Sequence[Row]) -> None:
        """Return rows that could not be written to the front; they are the oldest, and dropped first."""
        self._items.extendleft(reversed(rows))
        while len(self._items) > self._limit:
            self._drop_oldest()

    def close(self) -> None:
        """Drop everything, and from now on whatever comes."""
        self._limit = 0
        while self._items:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        try:
            self._items.popleft()
        except IndexError:
            return  # another thread took it
        self._metrics.dropped(1)
