"""One request and what becomes of it."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from math import isfinite
from time import perf_counter
from typing import TYPE_CHECKING, Any

from services.core.batching import Outcome
from services.core.errors import MalformedRequest, TooLarge
from services.core.model_table import LoadedModel
from services.core.tensors import Tensors
from services.http.errors import Disconnected, TooSlow, UnsupportedMedia

if TYPE_CHECKING:
    from services.http.answer import Answer
    from services.http.server import Server

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

Handler = Callable[["Exchange"], Awaitable["Answer"]]

# The server's own ids have 36; a client's may be longer, but goes into every log line.
MAX_REQUEST_ID_BYTES = 128


class Exchange:
    """A request on its way in and out: the handlers fill it in, the middleware measures and logs it."""

    __slots__ = (
        "caller",
        "handler",
        "headers",
        "inputs",
        "method",
        "model",
        "model_name",
        "outcome",
        "params",
        "path",
        "receive",
        "request_id",
        "route",
        "server",
        "started",
    )

    def __init__(self, server: "Server", scope: Scope, receive: Receive) -> None:
        self.server = server
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.receive = receive
        self.started = perf_counter()
        self.request_id = self.headers.get(b"x-request-id", b"")
        if not 0 < len(self.request_id) <= MAX_REQUEST_ID_BYTES:
            self.request_id = server.new_id()
        self.route = ""
        self.params: dict[str, str] = {}
        self.handler: Handler | None = None
        self.caller = ""
        self.model: LoadedModel | None = None
        self.model_name = ""
        self.inputs: Tensors | None = None
        self.outcome: Outcome | None = None

    async def body(self) -> bytes:
        """Return the whole body.

        Raises TooLarge at the limit without reading further, TooSlow, UnsupportedMedia for a compressed body.
        """
        headers, limit = self.headers, self.server.settings.max_body_bytes
        if headers.get(b"content-encoding", b"identity") != b"identity":
            raise UnsupportedMedia("the body is compressed; send it without Content-Encoding")
        if int(headers.get(b"content-length", b"0")) > limit:
            raise TooLarge(f"the body has more than {limit} bytes (TRIVET_MAX_BODY_BYTES)")
        try:
            async with asyncio.timeout(self.server.settings.body_timeout_seconds):
                return await self._read(limit)
        except TimeoutError:
            raise TooSlow("the body did not arrive in time (TRIVET_BODY_TIMEOUT_SECONDS)") from None

    async def _read(self, limit: int) -> bytes:
        message = await self.receive()
        if not message.get("more_body") and message["type"] == "http.request":
            body: bytes = message["body"]
            if len(body) <= limit:
                return body
        chunks, size = [], 0
        while True:
            if message["type"] == "http.disconnect":
                raise Disconnected("the client closed the connection before its body was complete")
            chunks.append(message.get("body", b""))
            size += len(chunks[-1])
            if size > limit:
                raise TooLarge(f"the body has more than {limit} bytes (TRIVET_MAX_BODY_BYTES)")
            if not message.get("more_body"):
                return b"".join(chunks)
            message = await self.receive()

    def check_json(self) -> None:
        """Raise UnsupportedMedia unless the body may be read as JSON; no content type is JSON."""
        declared = self.headers.get(b"content-type")
        if declared is None or declared == b"application/json":
            return
        kind, _, parameters = declared.lower().partition(b";")
        kind, charset = kind.strip(), parameters.strip()
        is_json = kind == b"application/json" or (kind.startswith(b"application/") and kind.endswith(b"+json"))
        if not is_json or charset.replace(b'"', b"") not in (b"", b"charset=utf-8"):
            raise UnsupportedMedia(
                f"the content type {declared.decode('latin-1')!r} is not served; send application/json"
            )

    def timeout_seconds(self) -> float | None:
        """Return the header Request-Timeout. Raises MalformedRequest."""
        value = self.headers.get(b"request-timeout")
        if value is None:
            return None
        try:
            seconds = float(value)
        except ValueError:
            seconds = 0.0
        if not isfinite(seconds) or seconds <= 0:
            raise MalformedRequest("the header Request-Timeout must be a number of seconds above 0")
        return seconds
