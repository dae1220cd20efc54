"""Serving on uvicorn: one process, with an orderly end."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Iterator
from socket import socket
from typing import Any

import uvicorn

from services.core import logs
from services.core.metrics import Metrics
from services.core.settings import Settings
from services.engines.fastapi.protocol import bounded_protocol
from services.http.app import Application, create_app

ENGINE = "fastapi"
# As deep as Linux allows by default: a burst of new connections waits in the kernel instead of being refused.
BACKLOG = 2048
# How long the event loop waits for a thread that decodes a large body to hand over the interpreter; Python's own 5 ms
# would be felt by every small request beside it.
SWITCH_SECONDS = 0.0005


class DrainingServer(uvicorn.Server):
    """A uvicorn server that drains before it closes its connections, and then returns as if nothing had happened."""

    def __init__(self, config: uvicorn.Config, app: Application) -> None:
        super().__init__(config)
        self._app = app

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        drain = asyncio.create_task(self._app.server.drain())
        while not drain.done() and not self.force_exit:
            await asyncio.wait({drain}, timeout=0.1)
        drain.cancel()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take SIGTERM and SIGINT as a request to drain; uvicorn's own would raise them again at the end."""
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def serve(settings: Settings, *, fd: int | None = None) -> None:
    """Serve until SIGTERM or SIGINT. fd: a listening socket to take over, instead of host and port.

    Raises SettingsInvalid.
    """
    logs.configure(settings.log_level)
    sys.setswitchinterval(SWITCH_SECONDS)
    app = create_app(settings, Metrics(ENGINE, settings.metrics_folder))
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        fd=fd,
        backlog=BACKLOG,
        http=bounded_protocol(settings),
        loop="uvloop",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=settings.keep_alive_seconds,
        timeout_graceful_shutdown=max(1, round(settings.drain_timeout_seconds)),
    )
    server: Any = DrainingServer(config, app)
    server.run()
