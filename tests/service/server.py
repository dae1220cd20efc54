"""`trivet serve` as a real process: started on a free port, ready before a test uses it, ended in order afterwards."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import msgspec

from tests.service.waiting import until

HOST = "127.0.0.1"
READY_SECONDS = 30.0
STOP_SECONDS = 30.0
CLIENT_SECONDS = 30.0
TRIVET = Path(sys.executable).with_name("trivet")


class Server:
    """One running server. log: the file that takes its output, standard error included."""

    def __init__(self, engine: str, model: Path, folder: Path, settings: Mapping[str, Any], workers: int = 1) -> None:
        self.engine = engine
        self.model = model
        self.folder = folder
        self.port = int(settings.get("port") or free_port())
        self.log = folder / f"{self.port}.log"
        variables = {f"TRIVET_{name.upper()}": str(value) for name, value in settings.items()}
        command = [str(TRIVET), "serve", "--engine", engine, "--model", str(model), "--port", str(self.port)]
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [*command, *(["--workers", str(workers)] if workers > 1 else [])],
                cwd=folder,
                env=_inherited() | {"TRIVET_HOME": str(folder / "home")} | variables,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def client(self, **options: Any) -> httpx.Client:
        """Return a client whose requests go to this server."""
        return httpx.Client(base_url=self.url, timeout=CLIENT_SECONDS, trust_env=False, **options)

    def wait_until(self, state: str) -> None:
        """Return once the server is `ready`, or at least `live`."""
        with self.client() as client:
            until(lambda: self._is(state, client), READY_SECONDS, lambda: f"{self.url} is {state}\n{self.log_text()}")

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
        assert [child for child in children if is_alive(child)] == []

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


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):  # gone before, or while, it was read
        return False


def free_port() -> int:
    """Return a port that nothing listens on now."""
    with socket.create_server((HOST, 0)) as found:
        return int(found.getsockname()[1])


def _inherited() -> dict[str, str]:
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
