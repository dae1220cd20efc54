"""Reading a body within its limits of size, time and encoding."""

import asyncio
from time import monotonic

from services.core.errors import TooLarge
from services.http.errors import Disconnected, TooSlow, UnsupportedMedia
from services.http.types import Receive

# A slow body is noticed at most this much after its time. One look at all readers costs less than a timer for each.
LOOK_SECONDS = 0.5
# Chunks of so many bytes are joined in well under a millisecond.
INLINE_BYTES = 1 << 20


class BodyReader:
    """Reads the bodies of one server."""

    def __init__(self, max_bytes: int, timeout_seconds: float) -> None:
        self._max_bytes = max_bytes
        self._timeout_seconds = timeout_seconds
        self._deadlines: dict[asyncio.Task[object], float] = {}
        self._late: set[asyncio.Task[object]] = set()

    async def read(self, headers: dict[bytes, bytes], receive: Receive) -> bytes:
        """Return a whole body.

        Raises TooLarge at the limit without reading further, TooSlow, UnsupportedMedia for a compressed body, and
        Disconnected.
        """
        if headers.get(b"content-encoding", b"identity") != b"identity":
            raise UnsupportedMedia("the body is compressed; send it without Content-Encoding")
        if int(headers.get(b"content-length", b"0")) > self._max_bytes:
            raise self._too_large()
        task = asyncio.current_task(asyncio.get_running_loop())  # half the cost of letting it find the loop
        assert task is not None
        self._deadlines[task] = monotonic() + self._timeout_seconds
        try:
            return await self._read(receive)
        except asyncio.CancelledError:
            if task not in self._late:
                raise
            self._late.discard(task)
            task.uncancel()
            raise TooSlow("the body did not arrive in time (TRIVET_BODY_TIMEOUT_SECONDS)") from None
        finally:
            del self._deadlines[task]

    async def watch(self) -> None:
        """End the reads whose time is over, until cancelled."""
        while True:
            await asyncio.sleep(min(LOOK_SECONDS, self._timeout_seconds))
            now = monotonic()
            for task in [task for task, deadline in self._deadlines.items() if deadline < now]:
                self._late.add(task)
                task.cancel()

    async def _read(self, receive: Receive) -> bytes:
        message = await receive()
        if message["type"] == "http.request" and not message.get("more_body"):
            body: bytes = message.get("body", b"")
            if len(body) <= self._max_bytes:  # nearly always: the whole body came with its headers
                return body
        chunks, size = [], 0
        while True:
            if message["type"] == "http.disconnect":
                raise Disconnected("the client closed the connection before its body was complete")
            chunks.append(message.get("body", b""))
            size += len(chunks[-1])
            if size > self._max_bytes:
                raise self._too_large()
            if not message.get("more_body"):
                # In a thread, where joining lets go of the interpreter: 30 MB take 3 to 8 ms.
                return b"".join(chunks) if size <= INLINE_BYTES else await asyncio.to_thread(b"".join, chunks)
            message = await receive()

    def _too_large(self) -> TooLarge:
        return TooLarge(f"the body has more than {self._max_bytes} bytes (TRIVET_MAX_BODY_BYTES)")
