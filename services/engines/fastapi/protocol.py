"""uvicorn's HTTP protocol with the limits that it lacks: a slow or endless head, and a body nobody reads."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from services.core.settings import Settings

# A client that sends more than it may is read and ignored for so long, or it would never see why it was refused.
LINGER_SECONDS = 2.0

_TOO_SLOW = (b"408 Request Timeout", b"the headers did not arrive in time (TRIVET_HEADER_TIMEOUT_SECONDS)")
_TOO_LARGE = (b"431 Request Header Fields Too Large", b"the headers are larger than TRIVET_MAX_HEADER_BYTES")


class BoundedProtocol(HttpToolsProtocol):
    """One connection. A head that arrives whole, as nearly all do, costs one look into a dict."""

    settings: Settings

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._head_timer: asyncio.TimerHandle | None = None
        self._linger_timer: asyncio.TimerHandle | None = None
        self._head_bytes = 0
        self._ignored_bytes = 0
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel_timers()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._head_timer is not None or self.scope is None or "path" not in self.scope:
            self._watch_head(len(data))

    def on_message_begin(self) -> None:
        self._head_bytes = self._ignored_bytes = 0
        super().on_message_begin()

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
        if self._ignored_bytes > self.settings.max_body_bytes:
            self.transport.close()
        elif self._linger_timer is None:
            self._linger_timer = self.loop.call_later(LINGER_SECONDS, self.transport.close)

    def _refuse(self, status: bytes, message: bytes) -> None:
        self._cancel_timers()
        if self.transport.is_closing():
            return
        if self.cycle is None or self.cycle.response_complete:
            body = b'{"error":"%s"}' % message
            self.transport.write(
                b"HTTP/1.1 %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%s"
                % (status, len(body), body)
            )
        self.transport.close()

    def _cancel_timers(self) -> None:
        for timer in (self._head_timer, self._linger_timer):
            if timer is not None:
                timer.cancel()
        self._head_timer = self._linger_timer = None


def bounded_protocol(settings: Settings) -> type[Any]:
    """Return the protocol class for uvicorn, with the limits of these settings."""
    return type("BoundedProtocol", (BoundedProtocol,), {"settings": settings})
