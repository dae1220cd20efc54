"""JSON lines on standard output: one object per line, values in fields."""

import logging
import sys
import traceback
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, BinaryIO

import msgspec

LOGGER = "trivet"

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonHandler(logging.Handler):
    """Writes each record as a JSON line. Lines below warning stay in the stream's buffer until it is full or flushed,
    so that a request does not pay for a write of its own; the server flushes several times a second."""

    def __init__(self, stream: BinaryIO | None = None) -> None:
        super().__init__()
        self.stream = stream or sys.stdout.buffer

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self.stream.write(line_of(record))
            if record.levelno >= logging.WARNING:
                self.stream.flush()
        except Exception:  # whatever keeps a line from being written, the request goes on; standard error says it
            self.handleError(record)

    def flush(self) -> None:
        if not self.stream.closed:
            self.stream.flush()


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
    """One line per request, at level info, in the stream of the JSON handler.

    It goes around `logging`: a LogRecord and its way through the handlers cost as much as an inference. It fills in a
    line instead of encoding one, which takes a third of the time.
    """

    def __init__(self) -> None:
        handlers = [handler for handler in logging.getLogger().handlers if isinstance(handler, JsonHandler)]
        self._stream = handlers[0].stream if handlers else None
        self.enabled = self._stream is not None and logging.getLogger(LOGGER).isEnabledFor(logging.INFO)
        self._second = 0
        self._time = b""
        self._about = lru_cache(maxsize=1024)(_about)

    def write(
        self, at: float, request_id: bytes, about: tuple[str, str, str, str], status: int, seconds: float
    ) -> None:
        """Write one line; never inputs, outputs or headers.

        at: seconds since the epoch. request_id: visible ASCII. about: route, model, version and caller, or "" for none.
        """
        if self._stream is None:
            return
        second = int(at)
        if second != self._second:
            self._second = second
            self._time = datetime.fromtimestamp(second, UTC).isoformat()[:19].encode()
        if b'"' in request_id or b"\\" in request_id:
            request_id = msgspec.json.encode(request_id.decode())[1:-1]
        self._stream.write(
            b'{"time":"%s.%03d+00:00","level":"info","event":"request","request_id":"%s",%s,"status":%d,'
            b'"duration_seconds":%.6f}\n'
            % (self._time, int((at - second) * 1000), request_id, self._about(*about), status, seconds)
        )


def _about(route: str, model: str, version: str, caller: str) -> bytes:
    """Return what many lines share as JSON fields, without their braces."""
    fields = {"route": route, "model": model, "version": version}
    return msgspec.json.encode(fields | ({"caller": caller} if caller else {}))[1:-1]
