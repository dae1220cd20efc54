"""The application: FastAPI with the contract's routes, the same on every engine."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from services import __version__
from services.core.metrics import Metrics
from services.core.settings import Settings
from services.http.middleware import INTERNAL_ERROR, ContractMiddleware
from services.http.routes import routes
from services.http.server import Server
from services.http.types import Receive, Scope, Send
from services.registry.selection import Selection


class Application(FastAPI):
    """FastAPI whose outermost layer is the contract's; add routers and dependencies as to any FastAPI application."""

    def __init__(self, server: Server) -> None:
        super().__init__(
            title="Trivet",
            version=__version__,
            lifespan=_lifespan,
            redirect_slashes=False,
            docs_url=None,
            redoc_url=None,
            openapi_url=None,
            exception_handlers={HTTPException: _http_error, Exception: _failure},
        )
        self.server = server
        self._contract = ContractMiddleware(super().__call__, server)
        self.router.routes.extend(routes())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; FastAPI itself sees only what the contract's middleware hands on."""
        await self._contract(scope, receive, send)


def create_app(
    settings: Settings, metrics: Metrics, selection: Selection | None = None, *, supervisor_pid: int | None = None
) -> Application:
    """Return the application of one server process. selection: of its models; by default as the settings say.

    supervisor_pid: see Server. Raises SettingsInvalid.
    """
    return Application(Server(settings, metrics, selection or Selection(settings), supervisor_pid))


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    assert isinstance(app, Application)
    await app.server.start()
    yield
    await app.server.stop()


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    message, headers = f"{error.detail}: {request.method} {request.url.path}", error.headers
    if error.status_code == 404:
        message = f"there is nothing at {request.url.path}; GET /docs lists what there is"
    elif error.status_code == 405:
        message = f"{request.url.path} does not answer {request.method}; see the header Allow"
        # Starlette joins a set of strings, whose order differs from one process to the next.
        headers = {name: ", ".join(sorted(value.split(", "))) for name, value in (headers or {}).items()}
    return _json(error.status_code, message, headers)


async def _failure(request: Request, error: Exception) -> Response:  # noqa: ARG001 - FastAPI's signature
    return _json(500, INTERNAL_ERROR)


def _json(status: int, message: str, headers: Any = None) -> Response:
    return Response(msgspec.json.encode({"error": message}), status, headers, media_type="application/json")
