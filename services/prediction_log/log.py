"""The prediction log as a server sees it: put and forget."""

import random
import time
from threading import Event, Thread

from services.core.errors import SettingsInvalid
from services.core.settings import Settings
from services.prediction_log.queue import Feedback, LogMetrics, RowQueue
from services.prediction_log.record import Record
from services.prediction_log.url import database_url, embedded_url

# How long `close` waits beyond its time for a statement under way.
_GRACE_SECONDS = 0.5


class PredictionLog:
    """A bounded queue and the one thread that writes it to the database.

    Rows are dropped oldest first when the database does not keep up, and each is counted either written or dropped.
    """

    def __init__(self, url: str, settings: Settings, metrics: LogMetrics) -> None:
        """url: of SQLAlchemy, for SQLite or psycopg. Nothing is opened before `start`."""
        self._url = url
        self._settings = settings
        self._metrics = metrics
        self._ratio = settings.log_sample_ratio
        self._random = random.Random().random
        self._queue = RowQueue(settings.log_queue_rows, metrics)
        self._stopping = Event()
        self._deadline = float("inf")
        self._thread = Thread(target=self._run, name="trivet-prediction-log", daemon=True)

    def start(self) -> None:
        """Start the writer's thread; it connects, and makes or upgrades the schema, by itself."""
        self._thread.start()

    def put(self, record: Record) -> None:
        """Queue one row; never blocks, never raises. Answered requests are sampled, refused and failed ones are not."""
        if self._ratio < 1 and record.code < 300 and self._random() >= self._ratio:
            return
        self._queue.put(record)

    def put_feedback(self, request_id: str, truth: object) -> None:
        """Queue the truth, any JSON value, about one request; never blocks, never raises."""
        self._queue.put(Feedback(time.time(), request_id, truth))

    def close(self, timeout_seconds: float) -> None:
        """Write what is queued and stop the thread; what cannot be written in time is counted dropped."""
        self._deadline = time.monotonic() + timeout_seconds
        self._stopping.set()
        self._queue.wake()
        if self._thread.ident is not None:
            self._thread.join(timeout_seconds + _GRACE_SECONDS)
        self._queue.close()

    def _run(self) -> None:
        from services.prediction_log.writer import Writer  # SQLAlchemy: 0.5 s that the start need not wait for

        writer = Writer(self._url, self._settings, self._queue, self._metrics, self._stopping)
        writer.run(lambda: self._deadline - time.monotonic())


def open_log(settings: Settings, metrics: LogMetrics) -> PredictionLog | None:
    """Return the log that the settings ask for, not started; None when they ask for none.

    Raises SettingsInvalid for a URL that is neither SQLite's nor PostgreSQL's, or whose driver is not installed.
    """
    url = database_url(settings) if settings.log_sample_ratio else None
    if url is None:
        return None
    if url == embedded_url(settings):
        try:
            settings.home.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SettingsInvalid(f"TRIVET_HOME: {settings.home} cannot be made: {error.strerror}") from error
    return PredictionLog(url, settings, metrics)
