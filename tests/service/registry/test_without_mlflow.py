"""A model from a real MLflow server, served by processes that cannot import MLflow."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.service.mlflow_server import MlflowServer
from tests.service.server import TRIVET, Server, inherited

URI = "models:/iris-classifier@production"
ROW = {"features": [5.1, 3.5, 1.4, 0.2]}


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of an MLflow server that hands out its artifacts itself, with one published version."""
    folder = tmp_path_factory.mktemp("mlflow")
    server = MlflowServer(folder)
    try:
        _publish(folder, server.url)
        yield server.url
    finally:
        server.stop()


@pytest.fixture
def without_mlflow(tmp_path: Path) -> dict[str, str]:
    """The variables of a process, and of those below it, that find no MLflow."""
    folder = tmp_path / "path"
    folder.mkdir()
    (folder / "mlflow.py").write_text("raise ModuleNotFoundError('No module named mlflow', name='mlflow')\n")
    return {"PYTHONPATH": str(folder)}


@pytest.mark.engine("fastapi", "bentoml")
def test_published_model_is_fetched_and_served(
    engine: str, registry: str, without_mlflow: dict[str, str], tmp_path: Path
) -> None:
    environment = without_mlflow | {"MLFLOW_TRACKING_URI": registry}

    server = Server(engine, URI, tmp_path, {"drain_wait_seconds": 0}, environment=environment)
    try:
        server.wait_until("ready")
        with server.client() as client:
            answer = client.post("/predict", json=ROW)
    finally:
        server.stop()

    assert (answer.status_code, answer.json()["prediction"]) == (200, 0)
    assert answer.headers["model-version"] == "1"


def test_what_stands_in_for_a_missing_mlflow_does(without_mlflow: dict[str, str]) -> None:
    imported = subprocess.run(
        [sys.executable, "-c", "import mlflow"], env=inherited() | without_mlflow, capture_output=True, check=False
    )

    assert imported.stderr.endswith(b"ModuleNotFoundError: No module named mlflow\n")


def _publish(folder: Path, registry: str) -> None:
    environment = inherited() | {"MLFLOW_TRACKING_URI": registry, "TRIVET_HOME": str(folder / "home")}
    trained = _trivet(environment, folder, "train", "--json")
    _trivet(environment, folder, "publish", msgspec.json.decode(trained)["uri"], "--name", "iris-classifier")


def _trivet(environment: dict[str, str], folder: Path, *arguments: str) -> bytes:
    return subprocess.run([TRIVET, *arguments], env=environment, cwd=folder, stdout=subprocess.PIPE, check=True).stdout
