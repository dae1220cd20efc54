"""Train, publish, promote and fetch on a SQLite registry of its own, with the real MLflow."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.core import compiled_model
from services.core.errors import LoadFailed
from services.registry.cache import cached
from services.registry.fetch import fetch

URI = "models:/iris-classifier@production"
# MLflow's import takes seconds, and more when other tests use the cores.
COMMAND_SECONDS = 180


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("registry") / ".trivet"


def run(home: Path, *arguments: str, program: tuple[str, ...]) -> subprocess.CompletedProcess:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("TRIVET_", "MLFLOW_"))}
    environment = {**kept, "TRIVET_HOME": str(home)}
    command = [sys.executable, *program, *arguments]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False
    )


def trivet(home: Path, *arguments: str) -> subprocess.CompletedProcess:
    return run(home, *arguments, program=("-c", "from services.cli.main import main; main()"))


def answer(done: subprocess.CompletedProcess) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def trained(home: Path) -> Any:
    return answer(trivet(home, "train", "--json"))


@pytest.fixture(scope="module")
def published(home: Path, trained: Any) -> Any:
    return answer(trivet(home, "publish", trained["uri"], "--json"))


def test_published_run_takes_its_name_and_the_alias(published: Any) -> None:
    assert (published["name"], published["version"], published["alias"]) == ("iris-classifier", "1", "production")
    assert published["runtime"] == "onnx"
    assert published["parity"]["largest_difference"] < 1e-7


def test_published_model_is_in_the_cache_at_once(home: Path, published: Any) -> None:
    model = cached(URI, home)

    assert model is not None
    assert (model.version, model.digest) == ("1", published["digest"])
    assert model.manifest.signature.columns is not None


def test_download_has_the_published_digest(home: Path, published: Any) -> None:
    shutil.rmtree(home / "cache")

    model = fetch(URI, home)

    assert (model.version, model.digest) == ("1", published["digest"])
    assert compiled_model.digest(model.folder) == published["digest"]


def test_mlflow_loads_what_was_published(home: Path, published: Any) -> None:
    program = (
        "import logging, mlflow, numpy as np\n"
        f"mlflow.set_tracking_uri('sqlite:///{home / 'mlflow.db'}')\n"
        f"model = mlflow.pyfunc.load_model('{URI}')\n"
        "print(model.predict(np.array([[5.1, 3.5, 1.4, 0.2]]))['probability'].tolist())"
    )

    done = run(home, program=("-c", program))

    assert done.stdout.strip() == "[[1.0, 0.0, 0.0]]", done.stderr


def test_promote_moves_the_alias_back_and_refuses_what_trivet_did_not_make(home: Path, published: Any) -> None:
    second = answer(trivet(home, "publish", f"models:/iris-classifier/{published['version']}", "--json"))

    promoted = answer(trivet(home, "promote", "iris-classifier", "1", "--json"))
    refused = trivet(home, "promote", "iris-classifier", "99")

    assert second["version"] == "2"
    assert promoted == {"name": "iris-classifier", "alias": "production", "version": "1", "previous": "2"}
    assert fetch(URI, home).version == "1"
    assert refused.returncode == 1
    assert refused.stderr.startswith("trivet: models:/iris-classifier/99 is not in the registry")


def test_changed_artefact_is_refused(home: Path, published: Any, tmp_path: Path) -> None:
    copy = tmp_path / "home"
    shutil.copytree(home, copy)
    shutil.rmtree(copy / "cache")
    stored = {path: path.read_bytes() for path in home.glob("artifacts/*/artifacts/model/model.onnx")}
    for path, content in stored.items():
        path.write_bytes(content + b"x")

    with pytest.raises(LoadFailed, match="is not what was published"):
        fetch("models:/iris-classifier/1", copy)
    for path, content in stored.items():
        path.write_bytes(content)


def test_scikit_learn_model_is_registered_and_mlflow_loads_it(home: Path, tmp_path: Path) -> None:
    import skops.io
    from sklearn.datasets import load_iris
    from sklearn.neighbors import KNeighborsClassifier

    features, labels = load_iris(return_X_y=True)
    path = tmp_path / "near.skops"
    skops.io.dump(KNeighborsClassifier(weights="distance").fit(features, labels), path)

    made = answer(trivet(home, "publish", str(path), "--name", "near", "--json"))
    program = (
        "import mlflow, numpy as np\n"
        f"mlflow.set_tracking_uri('sqlite:///{home / 'mlflow.db'}')\n"
        "print(mlflow.pyfunc.load_model('models:/near@production').predict(np.array([[5.1, 3.5, 1.4, 0.2]])))"
    )
    done = run(home, program=("-c", program))

    assert made["runtime"] == "sklearn"
    assert fetch("models:/near@production", home).digest == made["digest"]
    assert done.stdout.strip() == "[0]", done.stderr


@pytest.mark.parametrize(
    ("uri", "sentence"),
    [
        ("runs:/0123456789abcdef0123456789abcdef/model", "cannot be fetched from MLflow"),
        ("models:/nobody@production", "cannot be fetched from MLflow"),
        ("models:/iris-classifier/Production", "use models:/iris-classifier@production"),
    ],
)
def test_what_mlflow_does_not_have_is_one_sentence(home: Path, uri: str, sentence: str) -> None:
    done = trivet(home, "publish", uri, "--name", "x")

    assert done.returncode == 1
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_accuracy_is_of_rows_that_were_held_out(trained: Any) -> None:
    assert (trained["rows_trained"], trained["rows_held_out"]) == (120, 30)
    assert np.isclose(trained["accuracy"], 1.0, atol=0.1)
