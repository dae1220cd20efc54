"""Servers as child processes: on a core of their own, ready before they are measured, gone afterwards."""

import os
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path

from bench.http1 import ask
from services.core.free_ports import free_ports

READY_SECONDS = 90.0
READY_LOOK_SECONDS = 0.005
STOP_SECONDS = 15.0
_STOP_LOOK_SECONDS = 0.05
# A variable that a server's processes inherit, and are found by: some of them leave its group and its session.
MARK = "BENCH_SERVER"


@dataclass(frozen=True)
class Launch:
    """How a server is started: `{port}` in an argument or a variable stands for its port.

    Every further `{port+N}` is a free port, too. ready_path: answers 200 once the server is ready; to a GET, or to this
    body.
    """

    argv: tuple[str, ...]
    ready_path: str
    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    ready_body: bytes = b""


@dataclass(frozen=True)
class Running:
    """A server that is ready. start_seconds: from its spawn until it said so."""

    port: int
    mark: str
    start_seconds: float

    def resident_mib(self) -> float:
        """Return the resident memory of all its processes, in MiB; pages that they share count for each."""
        return sum(_resident_bytes(pid) for pid in _family(self.mark)) / 2**20

    def process_count(self) -> int:
        """Return how many processes it has."""
        return len(_family(self.mark))


class NotReady(Exception):
    """A server that ended, or that was not ready in time."""


def cores() -> tuple[set[int], set[int]]:
    """Return the cores of the server and of the load, one each; the same when there is only one."""
    usable = sorted(os.sched_getaffinity(0))
    return {usable[0]}, {usable[-1]}


@contextmanager
def serving(launch: Launch, log: Path, core: set[int]) -> Iterator[Running]:
    """Start a server on a core, wait until it is ready, and stop it with all its children at the end.

    log: takes its output. Raises NotReady with the end of it.
    """
    ports = {f"{{port{f'+{n}' if n else ''}}}": str(port) for n, port in enumerate(free_ports(3))}
    mark = uuid.uuid4().hex
    environment = {name: fill(value, ports) for name, value in launch.environment.items()} | {MARK: mark}
    start_seconds = time.perf_counter()
    with log.open("wb") as output, on_cores(core):  # a child inherits its parent's cores
        child = subprocess.Popen(
            [fill(argument, ports) for argument in launch.argv],
            cwd=launch.folder,
            env=_inherited() | environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        port = int(ports["{port}"])
        _wait_until_ready(child, port, launch, log)
        yield Running(port, mark, time.perf_counter() - start_seconds)
    finally:
        _stop(child, mark)


@contextmanager
def on_cores(core: set[int]) -> Iterator[None]:
    """Within the block this process runs there, and so does for good what it starts."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, core)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def fill(text: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(name, value)
    return text


def _inherited() -> dict[str, str]:
    """The environment without what would turn another project's Python, or a setting of ours, into the server's."""
    dropped = ("TRIVET_", "PYTHON", "VIRTUAL_ENV", "UV_", "MLFLOW_")
    return {name: value for name, value in os.environ.items() if not name.startswith(dropped)}


def _wait_until_ready(child: "subprocess.Popen[bytes]", port: int, launch: Launch, log: Path) -> None:
    deadline = time.perf_counter() + READY_SECONDS
    while time.perf_counter() < deadline:
        with suppress(OSError, HTTPException):
            if ask(port, launch.ready_path, launch.ready_body)[0] == 200:
                return
        if child.poll() is not None:
            break
        time.sleep(READY_LOOK_SECONDS)
    state = "was not ready in time" if child.poll() is None else f"ended with {child.returncode}"
    tail = log.read_text(errors="replace")[-2000:]
    raise NotReady(f"the server {state}; the end of {log}:\n{tail}")


def _stop(child: "subprocess.Popen[bytes]", mark: str) -> None:
    """End the server as Kubernetes does, then what it left behind, and at last whatever does not end."""
    deadline = time.perf_counter() + STOP_SECONDS
    child.terminate()
    while child.poll() is None and time.perf_counter() < deadline:
        time.sleep(_STOP_LOOK_SECONDS)
    for sent in (signal.SIGTERM, signal.SIGKILL):
        for pid in _family(mark):
            with suppress(ProcessLookupError):
                os.kill(pid, sent)
        while _family(mark) and (sent is signal.SIGKILL or time.perf_counter() < deadline):
            child.poll()
            time.sleep(_STOP_LOOK_SECONDS)
    child.wait()


def _family(mark: str) -> list[int]:
    """Return the living processes of a server."""
    entry = f"{MARK}={mark}".encode()
    members = []
    for environ in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):  # ended, or another user's
            if entry in environ.read_bytes().split(b"\0"):  # that of a zombie is empty
                members.append(int(environ.parent.name))
    return members


def _resident_bytes(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:")), 0)
