"""Several processes on one machine, one socket: for a machine without Kubernetes. In a pod, one process is enough."""

import logging
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import FrameType

from prometheus_client import multiprocess

from services.core import logs
from services.core.metrics import Metrics
from services.core.settings import Settings, child_environment
from services.engines.fastapi.process import ENGINE
from services.http.app import create_app
from services.http.protocol import BACKLOG

# A worker that dies is started again after this long, so that one that cannot start does not burn a core.
RESTART_SECONDS = 1.0
LOOK_SECONDS = 0.2


logger = logging.getLogger("trivet.workers")


class Workers:
    """The parent of the worker processes; it serves nothing itself."""

    def __init__(self, settings: Settings, count: int, metrics_folder: Path) -> None:
        self._count = count
        self._metrics_folder = metrics_folder
        self._socket = socket.create_server((settings.host, settings.port), backlog=BACKLOG, reuse_port=False)
        self._socket.set_inheritable(True)
        # Accepted connections inherit it. asyncio sets it only on sockets of its own making, and without it the body of
        # an answer waits for the client's acknowledgement of the head: 40 ms.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._model = settings.model
        self._workers: list[subprocess.Popen[bytes]] = []
        self._stopping = False

    def run(self) -> None:
        """Keep the workers running until SIGTERM or SIGINT, then let them drain."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        host, port = self._socket.getsockname()[:2]
        logger.info("workers start", extra={"workers": self._count, "host": host, "port": port})
        self._workers = [self._start() for _ in range(self._count)]
        while not self._stopping:
            time.sleep(LOOK_SECONDS)
            self._replace_dead()
        for worker in self._workers:
            worker.send_signal(signal.SIGTERM)
        for worker in self._workers:
            worker.wait()
        self._socket.close()

    def _start(self) -> subprocess.Popen[bytes]:
        fd = self._socket.fileno()
        command = [sys.executable, "-m", "services.engines.fastapi.process", str(fd), self._model]
        environment = child_environment(self._metrics_folder)
        # A session of its own, so that Ctrl-C reaches the parent alone, which then tells each worker once.
        return subprocess.Popen(command, env=environment, pass_fds=(fd,), start_new_session=True)

    def _replace_dead(self) -> None:
        for index, worker in enumerate(self._workers):
            code = worker.poll()
            if code is None:
                continue
            logger.error("worker died", extra={"pid": worker.pid, "code": code})
            multiprocess.mark_process_dead(worker.pid, str(self._metrics_folder))  # type: ignore[no-untyped-call]
            time.sleep(RESTART_SECONDS)
            if not self._stopping:
                self._workers[index] = self._start()

    def _stop(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._stopping = True


def supervise(settings: Settings, count: int) -> None:
    """Serve with so many worker processes until SIGTERM or SIGINT. Raises SettingsInvalid."""
    logs.configure(settings.log_level)
    create_app(settings, Metrics(ENGINE))  # a worker that ends over a setting would be started again and again
    folder = Path(tempfile.mkdtemp(prefix="trivet-metrics-"))
    try:
        Workers(settings, count, folder).run()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
