"""`trivet serve` as a real process: started on a free port, ready before a test uses it, ended in order afterwards."""

import contextlib
import os
import signal
import ssl
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import msgspec

from services.core.free_ports import free_ports
from tests.service.waiting import until

HOST = "127.0.0.1"
# Every client reads the certificates of the machine unless it is told otherwise: 50 ms of work, to speak plain HTTP.
NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
# Ray starts ten processes of its own before the first replica; on a busy machine each takes its time.
READY_SECONDS = {"fastapi": 180.0, "bentoml": 180.0, "ray": 300.0}
# A look costs both sides together some 3 ms of work, which delays the start.
READY_LOOK_SECONDS = 0.05
READY_LINE = b'"event":"ready"'
STOP_SECONDS = 30.0
GONE_SECONDS = 10.0
CLIENT_SECONDS = 30.0
TRIVET = Path(sys.executable).with_name("trivet")


class Server:
    """One running server. log: the file that takes its output, standard error included.

    model: a folder, or a URI. environment: variables beside the settings.
    """

    def __init__(
        self,
        engine: str,
        model: Path | str,
        folder: Path,
        settings: Mapping[str, Any],
        workers: int = 1,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.engine = engine
        self.model = model
        self.folder = folder
        self.port = int(settings.get("port") or free_port())
        self.log = folder / f"{self.port}.log"
        self.workers = workers
        variables = {f"TRIVET_{name.upper()}": str(value) for name, value in settings.items()}
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                self.command(),
                cwd=folder,
                env=inherited() | {"TRIVET_HOME": str(folder / "home")} | variables | dict(environment or {}),
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def command(self) -> list[str]:
        """Return the command that is this server."""
        command = [str(TRIVET), "serve", "--engine", self.engine, "--model", str(self.model), "--port", str(self.port)]
        return [*command, *(["--workers", str(self.workers)] if self.workers > 1 else [])]

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def client(self, **options: Any) -> httpx.Client:
        """Return a client whose requests go to this server."""
        return client_of(self.url, **options)

    def wait_until(self, state: str) -> None:
        """Return once the server is `ready`, each of its workers by its own log line, or at least `live`."""
        seconds = READY_SECONDS[self.engine]
        with self.client() as client:
            until(
                lambda: self._is(state, client),
                seconds,
                lambda: f"{self.url} is {state}\n{self.log_text()}",
                READY_LOOK_SECONDS,
            )
        if state == "ready" and self.workers > 1 and self.engine != "ray":  # Ray waits for its replicas itself
            until(lambda: self.log.read_bytes().count(READY_LINE) >= self.workers, seconds, self.log_text)

    def lines(self) -> list[dict[str, Any]]:
        """Return the log's lines, each a JSON object."""
        return [msgspec.json.decode(line) for line in self.log.read_bytes().splitlines()]

    def log_text(self) -> str:
        """Return the log as it stands."""
        return self.log.read_text()

    def terminate(self) -> None:
        """Send SIGTERM, and do not wait."""
        self.process.send_signal(signal.SIGTERM)

    def stop(self, *, tracebacks: int = 0) -> None:
        """End the server as Kubernetes does, and check how it went: exit code 0, and nothing failed on the way.

        tracebacks: how many the log must hold, for a test that made the model fail.
        """
        children = self.children()
        self.terminate()
        self.check_stopped(tracebacks=tracebacks)
        until(lambda: not any(map(is_alive, children)), GONE_SECONDS, "its processes are gone")

    def children(self) -> list[int]:
        """Return the processes that this one started and that still run."""
        return _children(self.process.pid) if self.process.poll() is None else []

    def check_stopped(self, *, tracebacks: int = 0) -> None:
        """Wait until the process has ended and check its exit code and log."""
        try:
            code = self.process.wait(STOP_SECONDS)
        finally:
            self.kill()
        assert code == 0, self.log_text()
        assert sum("Traceback" in line for line in self.log_text().splitlines()) == tracebacks, self.log_text()
        assert all(isinstance(line, dict) for line in self.lines())

    def kill(self) -> None:
        """End what is left of the server, whatever its state."""
        if self.process.poll() is None:
            for child in (*self.children(), self.process.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
            self.process.wait()

    def _is(self, state: str, client: httpx.Client) -> bool:
        assert self.process.poll() is None, f"the server ended\n{self.log_text()}"
        try:
            return client.get(f"/v2/health/{state}").status_code == 200
        except httpx.TransportError:
            return False


Start = Callable[..., Server]


def client_of(url: str, *, timeout: float = CLIENT_SECONDS, **options: Any) -> httpx.Client:
    """Return a client of a server on this machine."""
    return httpx.Client(base_url=url, timeout=timeout, verify=NO_CERTIFICATES, trust_env=False, **options)


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):  # gone before, or while, it was read
        return False


def free_port() -> int:
    """Return a port that nothing listens on now."""
    return free_ports(1)[0]


def inherited() -> dict[str, str]:
    """The environment without the settings of whoever runs the tests."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("TRIVET_", "MLFLOW_"))}


def _children(pid: int) -> list[int]:
    """Return all descendants. Source: proc(5), /proc/PID/task/TID/children."""
    try:
        lists = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    except (FileNotFoundError, ProcessLookupError):
        return []
    direct = [int(child) for listed in lists for child in listed.split()]
    return [descendant for child in direct for descendant in (child, *_children(child))]
