"""One request and what becomes of it."""

import re
from collections.abc import Awaitable, Callable
from math import isfinite
from time import perf_counter
from typing import TYPE_CHECKING

from services.core.errors import MalformedRequest, NotReady
from services.core.jobs import Outcome
from services.core.loaded_model import LoadedModel
from services.core.tensors import Tensors
from services.http.errors import UnsupportedMedia
from services.http.types import Receive, Scope

if TYPE_CHECKING:
    from services.http.answer import Answer
    from services.http.server import Server

Handler = Callable[["Exchange"], Awaitable["Answer"]]

# The server's own ids have 36 characters; a client's may be longer, but goes into every log line.
REQUEST_ID = re.compile(rb"[\x21-\x7e]{1,128}")


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
        "waited_seconds",
    )

    def __init__(self, server: "Server", scope: Scope, receive: Receive) -> None:
        self.server = server
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.receive = receive
        self.started = perf_counter()
        self.request_id = self.headers.get(b"x-request-id", b"")
        if not self.request_id or not REQUEST_ID.fullmatch(self.request_id):
            self.request_id = server.new_id()
        self.route = ""
        self.params: dict[str, str] = {}
        self.handler: Handler | None = None
        self.caller = ""
        self.model: LoadedModel | None = None
        self.model_name = ""
        self.inputs: Tensors | None = None
        self.outcome: Outcome | None = None
        self.waited_seconds = 0.0

    def body(self) -> Awaitable[bytes]:
        """Read the whole body; see BodyReader.read."""
        return self.server.bodies.read(self.headers, self.receive)

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

    async def come_back(self, name: str, error: NotReady) -> None:
        """Wait until a model that was evicted is loaded again, as part of the request's time; see Server.come_back."""
        started = perf_counter()
        await self.server.come_back(name, error, self.timeout_seconds())
        self.waited_seconds += perf_counter() - started

    def timeout_seconds(self, asked_seconds: float | None = None) -> float | None:
        """Return how long the request may take from now on; None for as long as the server allows.

        asked_seconds: by the body; the header Request-Timeout may ask for less. Raises MalformedRequest.
        """
        value = self.headers.get(b"request-timeout")
        seconds = asked_seconds
        if value is not None:
            seconds = _seconds(value) if seconds is None else min(_seconds(value), seconds)
        if self.waited_seconds:
            own_seconds = self.server.settings.request_timeout_seconds
            allowed_seconds = own_seconds if seconds is None else min(seconds, own_seconds)
            seconds = max(0.0, allowed_seconds - self.waited_seconds)
        return seconds


def _seconds(value: bytes) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0.0
    if not isfinite(seconds) or seconds <= 0:
        raise MalformedRequest("the header Request-Timeout must be a number of seconds above 0")
    return seconds
