"""JSON lines on standard output: one object per line, values in fields."""

import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Any, BinaryIO

import msgspec

LOGGER = "trivet"

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonHandler(logging.Handler):
    """Writes each record as a JSON line. Lines below warning stay in the stream's buffer until it is full or flushed,
    so that a request does not pay for a write of its own; the server flushes several times a second."""

    def __init__(self, stream: BinaryIO | None = None) -> None:
        super().__init__()
        self._stream = stream or sys.stdout.buffer

    def emit(self, record: logging.LogRecord) -> None:
        self._stream.write(line_of(record))
        if record.levelno >= logging.WARNING:
            self._stream.flush()

    def flush(self) -> None:
        if not self._stream.closed:
            self._stream.flush()


def line_of(record: logging.LogRecord) -> bytes:
    """Return a record as one JSON line: time, level, event, and whatever `extra` held."""
    line: dict[str, Any] = {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": record.levelname.lower(),
        "event": record.getMessage(),
    }
    line.update((key, value) for key, value in vars(record).items() if key not in _STANDARD)
    if record.exc_info and record.exc_info[0] is not None:
        line["traceback"] = "".join(traceback.format_exception(*record.exc_info))
    return msgspec.json.encode(line, enc_hook=str) + b"\n"


def configure(level: str, stream: BinaryIO | None = None) -> JsonHandler:
    """Send everything that the process logs to standard output as JSON lines."""
    handler = JsonHandler(stream)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger(LOGGER).setLevel(level.upper())
    return handler


class RequestLog:
    """One line per request, at level info.

    It goes around `Logger.info`, whose search for the caller costs more than the rest of the line.
    """

    def __init__(self) -> None:
        self._logger = logging.getLogger(f"{LOGGER}.request")
        self.enabled = self._logger.isEnabledFor(logging.INFO)

    def write(self, fields: dict[str, Any]) -> None:
        """Write one line with these fields; never inputs, outputs or headers."""
        record = logging.LogRecord(self._logger.name, logging.INFO, "", 0, "request", None, None)
        record.__dict__.update(fields)
        self._logger.handle(record)
