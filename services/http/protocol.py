"""uvicorn's HTTP protocol with the limits that it lacks: a slow or endless head, and a body nobody reads."""

import asyncio
import re
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from services.core.settings import Settings
from services.http.whole_answer import EXTENSIONS

# As deep as Linux allows by default: a burst of new connections waits in the kernel instead of being refused.
BACKLOG = 2048
# A client that sends more than it may is read and ignored for so long, or it would never see why it was refused.
LINGER_SECONDS = 2.0
# … and for so many times the largest body: one that is a little too large is read to its end, so that the connection
# can be used again.
LINGER_BODIES = 2
# How long an idle connection outlives the drain: a request that is on its way reads its 503 then, and no broken pipe.
LAST_SECONDS = 0.25

_TOO_SLOW = (b"408 Request Timeout", b"the headers did not arrive in time (TRIVET_HEADER_TIMEOUT_SECONDS)")
_NOT_HTTP = (b"400 Bad Request", b"these bytes are no HTTP/1.1 request")
_TOO_LARGE = (b"431 Request Header Fields Too Large", b"the headers are larger than TRIVET_MAX_HEADER_BYTES")

_UPGRADE = re.compile(rb"\r\nupgrade:", re.IGNORECASE)


class BoundedProtocol(HttpToolsProtocol):
    """One connection. A head that arrives whole, as nearly all do, costs one look into a dict."""

    settings: Settings

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._head_timer: asyncio.TimerHandle | None = None
        self._linger_timer: asyncio.TimerHandle | None = None
        self._head_bytes = 0
        self._read_bytes = 0
        self._ignored_bytes = 0
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel_timers()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._read_bytes = len(data)
        if (b"pgrade:" in data or b"PGRADE:" in data) and (self.cycle is None or not self.cycle.more_body):
            data = _without_upgrade(data)
        super().data_received(data)
        if self._head_timer is not None or self.scope is None or "path" not in self.scope:
            self._watch_head(len(data))

    def shutdown(self) -> None:
        self.loop.call_later(LAST_SECONDS, super().shutdown)

    def on_message_begin(self) -> None:
        self._head_bytes = self._ignored_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        limit = self.settings.max_header_bytes
        # A head is at most as large as what was read for it, so nearly always there is nothing to add up.
        if self._head_bytes + self._read_bytes > limit and self._head_size() > limit:
            self._refuse(*_TOO_LARGE)
            raise ValueError("the head is too large")  # the only way to stop the parser
        super().on_headers_complete()
        self.scope["extensions"] = EXTENSIONS

    def send_400_response(self, msg: str) -> None:
        del msg  # the parser's
        self._refuse(*_NOT_HTTP)

    def on_body(self, body: bytes) -> None:
        super().on_body(body)
        if self.cycle.response_complete:
            self._linger(len(body))

    def on_message_complete(self) -> None:
        if self._linger_timer is not None:
            self._linger_timer.cancel()
            self._linger_timer = None
        super().on_message_complete()

    def _watch_head(self, received: int) -> None:
        if self.transport.is_closing() or (self.scope is not None and "path" in self.scope):
            self._cancel_timers()
        else:
            self._head_bytes += received
            if self._head_bytes > self.settings.max_header_bytes:
                self._refuse(*_TOO_LARGE)
            elif self._head_timer is None:
                self._await_head()

    def _await_head(self) -> None:
        seconds = self.settings.header_timeout_seconds
        self._head_timer = self.loop.call_later(seconds, self._refuse, *_TOO_SLOW)

    def _linger(self, ignored: int) -> None:
        """Read on for a moment after a refusal, so that the client gets to read it, then close."""
        self._ignored_bytes += ignored
        if self._ignored_bytes > LINGER_BODIES * self.settings.max_body_bytes:
            self.transport.close()
        elif self._linger_timer is None:
            self._linger_timer = self.loop.call_later(LINGER_SECONDS, self.transport.close)

    def _refuse(self, status: bytes, message: bytes) -> None:
        self._cancel_timers()
        if self.transport.is_closing():
            return
        if self._may_answer():
            body = b'{"error":"%s"}' % message
            self.transport.write(
                b"HTTP/1.1 %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%s"
                % (status, len(body), body)
            )
        self.transport.close()

    def _may_answer(self) -> bool:
        """Whether an answer now belongs to what is being received, and not to an earlier request of a pipeline."""
        cycle = self.cycle
        return cycle is None or cycle.response_complete or (cycle.more_body and not cycle.response_started)

    def _head_size(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + len(b": \r\n") for name, value in self.headers)

    def _cancel_timers(self) -> None:
        for timer in (self._head_timer, self._linger_timer):
            if timer is not None:
                timer.cancel()
        self._head_timer = self._linger_timer = None


def _without_upgrade(data: bytes) -> bytes:
    """Rename the header Upgrade, which the parser would obey by skipping the body.

    No upgrade is served, and a server may ignore one (RFC 9110, 7.8). Java's own client and `curl --http2` offer h2c
    with every request.
    """
    head, end, rest = data.partition(b"\r\n\r\n")
    return _UPGRADE.sub(b"\r\nx-upgrade:", head) + end + rest


def bounded_protocol(settings: Settings) -> type[Any]:
    """Return the protocol class for uvicorn, with the limits of these settings."""
    return type("BoundedProtocol", (BoundedProtocol,), {"settings": settings})
