"""The writer's thread: takes rows out of the queue, converts them, writes them in batches, deletes old ones."""

import gc
import logging
import time
from collections import defaultdict
from collections.abc import Callable
from threading import Event

from services.core.settings import Settings
from services.prediction_log.database import Database, refuses_content
from services.prediction_log.queue import Item, LogMetrics, Row, RowQueue
from services.prediction_log.retention import Retention
from services.prediction_log.rows import converter

# A row is in the database about this long after its request, or earlier where many come. A shorter pause makes more
# transactions, each of which a database has to bring to a disk.
PAUSE_SECONDS = 0.1

# One transaction: large enough that its commit costs little a row, small enough to end within a drain.
BATCH_ROWS = 500

# The event loop wants the interpreter: after so many rows (about 0.2 ms) the writer steps aside for one moment. Without
# it the loop would wait for the interpreter's own switch, 5 ms.
SLICE_ROWS = 64
STEP_ASIDE_SECONDS = 50e-6

# The first new try comes at once: a connection that was closed while idle is no outage.
BACKOFF_SECONDS = (0.0, 0.25, 0.5, 1.0, 2.0, 5.0)

_logger = logging.getLogger("trivet.prediction_log")


class Writer:
    """Writes until `stopping` is set, then until the queue is empty or the deadline has passed."""

    def __init__(self, url: str, settings: Settings, queue: RowQueue, metrics: LogMetrics, stopping: Event) -> None:
        self._database = Database(url)
        self._convert = converter(settings)
        self._retention = Retention(settings.log_retention_days)
        self._queue = queue
        self._metrics = metrics
        self._stopping = stopping
        self._connected = False
        self._failures = 0
        self._refusals: list[str] = []

    def run(self, seconds_left: Callable[[], float]) -> None:
        """Write until told to stop; nothing that goes wrong ends it earlier.

        seconds_left: until the deadline; infinite while nobody asks to stop.
        """
        try:
            while seconds_left() > 0:
                more = self._step()
                if self._stopping.is_set() and not self._queue:
                    return
                if self._failures:
                    self._wait_out(seconds_left)
                elif not more:
                    self._queue.wait(PAUSE_SECONDS, self._stopping)
        finally:
            self._database.close()

    def _step(self) -> bool:
        """Write one batch, and delete one chunk of old rows; return whether more waits to be done."""
        taken = self._queue.take(BATCH_ROWS)
        chunks = self._converted(taken)
        try:
            self._connect()
            self._write(chunks)
            more = not self._stopping.is_set() and self._retention.step(self._database)
        except Exception as error:  # whatever a driver raises: serving goes on, and so does the writer
            self._lost(error)
            self._put_back(chunks)
            return False
        self._back()
        self._report_refusals()
        return more or len(taken) == BATCH_ROWS

    def _connect(self) -> None:
        self._database.connect()
        if not self._connected:
            # SQLAlchemy's 300,000 objects live as long as the process: without this, each full garbage collection looks
            # at them again and stops the event loop for 50 ms.
            gc.freeze()
            self._connected = True

    def _converted(self, items: list[Item]) -> list[list[Row]]:
        """Return the rows of each table."""
        tables: dict[str, list[Row]] = defaultdict(list)
        for number, item in enumerate(items, 1):
            try:
                row = self._convert(item)
            except Exception as error:  # a value that has no row, such as a time beyond the year 9999
                self._drop(error)
            else:
                tables[row.table].append(row)
            if number % SLICE_ROWS == 0:
                time.sleep(STEP_ASIDE_SECONDS)
        return list(tables.values())

    def _write(self, chunks: list[list[Row]]) -> None:
        """Write chunks of rows of one table each; on return, or when the database raises, those left are unwritten.

        A chunk whose content is refused is halved until the refused row stands alone, which is dropped.
        """
        while chunks:
            rows = chunks[-1]
            try:
                self._database.insert(rows[0].table, [row.values for row in rows])
            except Exception as error:
                if not refuses_content(error):
                    raise
                chunks.pop()
                if len(rows) == 1:
                    self._drop(error)
                else:
                    half = len(rows) // 2
                    chunks += [rows[half:], rows[:half]]
            else:
                chunks.pop()
                self._metrics.written(len(rows))

    def _put_back(self, chunks: list[list[Row]]) -> None:
        self._queue.put_back([row for chunk in chunks for row in chunk])

    def _drop(self, error: Exception) -> None:
        self._metrics.dropped(1)
        self._refusals.append(_short(error))

    def _report_refusals(self) -> None:
        """Log one line for all rows that were dropped for their content since the last."""
        if self._refusals:
            _logger.error(
                "Rows have no place in the prediction log and are dropped",
                extra={"database": self._database.name, "rows": len(self._refusals), "error": self._refusals[0]},
            )
            self._refusals.clear()

    def _lost(self, error: Exception) -> None:
        self._failures += 1
        if self._failures == 2:
            _logger.warning(
                "The prediction log's database does not answer; rows wait, the oldest are dropped",
                extra={"database": self._database.name, "error": _short(error)},
            )
        self._database.disconnect()

    def _back(self) -> None:
        if self._failures >= 2:
            _logger.info("The prediction log's database is back", extra={"database": self._database.name})
        self._failures = 0

    def _wait_out(self, seconds_left: Callable[[], float]) -> None:
        """Let the database be for a while."""
        until = time.monotonic() + BACKOFF_SECONDS[min(self._failures, len(BACKOFF_SECONDS)) - 1]
        while not self._stopping.is_set():
            # Converted rows are capped in bytes; the requests' own arrays would fill the memory in a long outage.
            self._put_back(self._converted(self._queue.take(len(self._queue))))
            if (seconds := min(PAUSE_SECONDS, until - time.monotonic())) <= 0:
                return
            self._stopping.wait(seconds)
        time.sleep(max(0.0, min(PAUSE_SECONDS, until - time.monotonic(), seconds_left())))


def _short(error: Exception) -> str:
    """Return the first line of the driver's message: the others may quote a row's content."""
    lines = str(getattr(error, "orig", None) or error).splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else ''}"
