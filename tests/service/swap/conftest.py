"""Registries of the swap tests: SQLite in a folder, and a real MLflow server."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.service.server import CLIENT_SECONDS, HOST, Server, free_port
from tests.service.swap.registry import NAME, URI, Registry
from tests.service.waiting import until

LOOK_SECONDS = 0.2
# MLflow takes its time on a busy machine.
START_SECONDS = 300.0

Follow = Callable[..., Server]


@pytest.fixture(scope="session")
def versions(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    """A registry in a SQLite file with the versions 1 to 3."""
    made = Registry(tmp_path_factory.mktemp("registry"))
    for _ in range(3):
        made.publish()
    return made


@pytest.fixture
def registry(versions: Registry) -> Registry:
    """The same, with the alias at version 1."""
    versions.point("1")
    return versions


@pytest.fixture(scope="module")
def follow(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Follow]:
    """Start servers that follow the alias, or what another URI names; they end with the module."""
    running: list[Server] = []

    def start(registry: Registry, *, uri: str = URI, workers: int = 1, **settings: object) -> Server:
        given = {
            "watch_interval_seconds": LOOK_SECONDS,
            "drain_wait_seconds": 0,
            "database_url": "",
            # The line that each of several workers writes when it is ready is of the level info.
            "log_level": "warning" if workers == 1 else "info",
            **settings,
        }
        variables = {"MLFLOW_TRACKING_URI": registry.uri}
        running.append(Server(engine, uri, tmp_path_factory.mktemp(engine), given, workers, variables))
        running[-1].wait_until("ready")
        return running[-1]

    yield start
    for server in running:
        if server.process.poll() is None:
            server.terminate()
            server.check_stopped()


class MlflowServer:
    """A real MLflow server, which keeps its files itself; it can be stopped and started again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self.url = f"http://{HOST}:{self._port}"
        self.start()
        self.registry = Registry(folder / "clients", self.url)

    def start(self) -> None:
        """Start it and wait until it answers."""
        program = Path(sys.executable).with_name("mlflow")
        store = f"sqlite:///{self._folder / 'mlflow.db'}"
        options = ["--backend-store-uri", store, "--artifacts-destination", str(self._folder / "artifacts")]
        command = [program, "server", *options, "--host", HOST, "--port", str(self._port), "--workers", "1"]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        try:
            with httpx.Client(base_url=self.url, timeout=CLIENT_SECONDS, trust_env=False) as client:
                until(lambda: self._answers(client), START_SECONDS, (self._folder / "log").read_text)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End it and all its processes."""
        with contextlib.suppress(ProcessLookupError):
            self.signal(signal.SIGKILL)
        self._process.wait()

    def signal(self, number: int) -> None:
        """Send a signal to all its processes."""
        os.killpg(self._process.pid, number)

    def file_of(self, version: str) -> Path:
        """Return where the server keeps a version's model."""
        run = self.registry.client.get_model_version(NAME, version).run_id
        (file,) = (self._folder / "artifacts").glob(f"*/{run}/artifacts/model/model.onnx")
        return file

    def _answers(self, client: httpx.Client) -> bool:
        try:
            # The first question about the registry takes longer than a server would wait, on a busy machine.
            return client.get("/api/2.0/mlflow/registered-models/search").status_code == 200
        except httpx.TransportError:
            return False


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    """A real MLflow server with the versions 1 to 3."""
    server = MlflowServer(tmp_path_factory.mktemp("mlflow"))
    try:
        for _ in range(3):
            server.registry.publish()
        yield server
    finally:
        server.stop()
