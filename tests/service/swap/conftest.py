"""Registries of the swap tests: SQLite in a folder, and a real MLflow server."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.service.mlflow_server import MlflowServer
from tests.service.server import Server
from tests.service.swap.registry import NAME, URI, Registry

LOOK_SECONDS = 0.2

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


class RegistryServer(MlflowServer):
    """A real MLflow server with a registry in it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.registry = Registry(folder / "clients", self.url)

    def file_of(self, version: str) -> Path:
        """Return where the server keeps a version's model."""
        run = self.registry.client.get_model_version(NAME, version).run_id
        (file,) = self.artifacts.glob(f"*/{run}/artifacts/model/model.onnx")
        return file


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryServer]:
    """A real MLflow server with the versions 1 to 3."""
    server = RegistryServer(tmp_path_factory.mktemp("mlflow"))
    try:
        for _ in range(3):
            server.registry.publish()
        yield server
    finally:
        server.stop()
