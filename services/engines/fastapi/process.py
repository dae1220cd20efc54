"""One process on uvicorn, with an orderly end."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from socket import socket
from typing import Any

import uvicorn

from services.core import logs
from services.core import settings as core_settings
from services.core.metrics import Metrics
from services.core.settings import Settings
from services.http.app import Application, create_app
from services.http.protocol import BACKLOG, bounded_protocol

ENGINE = "fastapi"


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


def run(settings: Settings, *, fd: int | None = None, supervisor_pid: int | None = None) -> None:
    """Serve until SIGTERM or SIGINT. fd: a listening socket to take over, instead of host and port.

    supervisor_pid: of the process that started this one as one of several workers. Raises SettingsInvalid.
    """
    logs.configure(settings.log_level)
    metrics = Metrics(ENGINE, settings.metrics_folder)
    app = create_app(settings, metrics, supervisor_pid=supervisor_pid or os.getpid())
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


def main() -> None:
    """Serve as one of several workers. Arguments: the inherited socket's number, and the model."""
    fd, model = sys.argv[1:]
    run(core_settings.load(model=model), fd=int(fd), supervisor_pid=os.getppid())


if __name__ == "__main__":
    main()
