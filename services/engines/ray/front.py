"""Two layers around Ray's own: in front of it, what it may see of a request; behind it, the whole request again.

Ray's path from a replica's HTTP port to the application reads headers of its own (a time-out, a model, a session),
decodes the request id as UTF-8, adds the id to every answer, and by default starts two tasks and a queue for each
request to see a client leave. The contract says all that otherwise, and the application does it.
"""

from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# All that Ray gets to see: the application notices by itself that a client left.
FOR_RAY = (b"x-request-disconnect-disabled", b"?1")
REQUEST_ID = b"x-request-id"
KEPT = "trivet.headers"


class Front:
    """In front of Ray: keeps the request's headers, and takes Ray's own off the answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_clean(message: Message) -> None:
            headers = message.get("headers")
            if headers and headers[-1][0] == REQUEST_ID:
                del headers[-1]
            await send(message)

        scope[KEPT] = scope["headers"]
        scope["headers"] = [FOR_RAY]
        await self._app(scope, receive, send_clean)


class Behind:
    """Behind Ray: the application, with the headers as they came."""

    # Ray would match each request against the application's routes, for its own metrics.
    routes = ()

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or run the application's lifespan."""
        if KEPT in scope:
            scope["headers"] = scope.pop(KEPT)
        await self._app(scope, receive, send)


def middlewares() -> list[Middleware]:
    """Return what Ray puts around its HTTP port: it is named in RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH."""
    return [Middleware(Front)]
