"""Train, publish, promote and fetch on a SQLite registry of its own, with the real MLflow."""

import io
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

import mlflow
import numpy as np
import pytest

from services.cli.main import main
from services.core import compiled_model
from services.core.errors import LoadFailed
from services.registry.cache import cached
from services.registry.fetch import fetch

# MLflow's own libraries warn of each other in this process.
pytestmark = pytest.mark.filterwarnings("ignore")

URI = "models:/iris-classifier@production"
ROW = np.array([[5.1, 3.5, 1.4, 0.2]])


class Done(NamedTuple):
    """How a command ended, and what it printed."""

    code: int
    output: str
    errors: str


Trivet = Callable[..., Done]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("registry") / ".trivet"


@pytest.fixture(scope="module")
def trivet(home: Path) -> Iterator[Trivet]:
    """The command line in this process: MLflow's import takes seconds. The README's test runs it as a program."""
    with pytest.MonkeyPatch.context() as patched:
        for variable in [name for name in os.environ if name.startswith(("TRIVET_", "MLFLOW_"))]:
            patched.delenv(variable)
        patched.setenv("TRIVET_HOME", str(home))

        def run(*arguments: str) -> Done:
            patched.setattr(sys, "argv", ["trivet", *arguments])
            output, errors = io.StringIO(), io.StringIO()
            with redirect_stdout(output), redirect_stderr(errors), pytest.raises(SystemExit) as ended:
                main()
            return Done(int(ended.value.code or 0), output.getvalue(), errors.getvalue())

        yield run
    mlflow.set_tracking_uri(None)


def answer(done: Done) -> Any:
    assert done.code == 0, done.errors
    return json.loads(done.output)


@pytest.fixture(scope="module")
def trained(trivet: Trivet) -> Any:
    return answer(trivet("train", "--json"))


@pytest.fixture(scope="module")
def published(trivet: Trivet, trained: Any) -> Any:
    return answer(trivet("publish", trained["uri"], "--json"))


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


def test_mlflow_loads_what_was_published(published: Any) -> None:
    model = mlflow.pyfunc.load_model(URI)

    assert model.predict(ROW)["probability"].tolist() == [[1.0, 0.0, 0.0]]


def test_promote_moves_the_alias_back_and_refuses_what_trivet_did_not_make(
    home: Path, trivet: Trivet, published: Any
) -> None:
    second = answer(trivet("publish", f"models:/iris-classifier/{published['version']}", "--json"))

    promoted = answer(trivet("promote", "iris-classifier", "1", "--json"))
    refused = trivet("promote", "iris-classifier", "99")

    assert second["version"] == "2"
    assert promoted == {"name": "iris-classifier", "alias": "production", "version": "1", "previous": "2"}
    assert fetch(URI, home).version == "1"
    assert refused.code == 1
    assert refused.errors.startswith("trivet: models:/iris-classifier/99 is not in the registry")


def test_rollback_goes_back_as_promotions_came_and_no_further(trivet: Trivet, published: Any) -> None:
    for version in ("1", "2"):
        answer(trivet("publish", f"models:/iris-classifier/{published['version']}", "--name", "back", "--json"))
        answer(trivet("promote", "back", version, "--json"))
    third = answer(trivet("publish", "models:/back/1", "--name", "back", "--json"))

    backs = [answer(trivet("rollback", "back", "--json")) for _ in range(2)]
    refused = trivet("rollback", "back")
    unknown = trivet("rollback", "back", "--alias", "nothing")

    assert third["version"] == "3"
    assert backs == [
        {"name": "back", "alias": "production", "version": "2", "previous": "3"},
        {"name": "back", "alias": "production", "version": "1", "previous": "2"},
    ]
    assert (refused.code, unknown.code) == (1, 1)
    assert "no version was before models:/back/1" in refused.errors
    assert "models:/back@nothing is not in the registry" in unknown.errors


def test_answers_to_the_sample_are_kept_with_the_model(home: Path, published: Any) -> None:
    manifest = fetch(URI, home).manifest

    assert manifest.answers.keys() == {"prediction", "probability"}
    assert len(manifest.answers["prediction"]) == len(manifest.sample["features"])


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


def test_scikit_learn_model_is_registered_and_mlflow_loads_it(home: Path, trivet: Trivet, tmp_path: Path) -> None:
    import skops.io
    from sklearn.datasets import load_iris
    from sklearn.neighbors import KNeighborsClassifier

    features, labels = load_iris(return_X_y=True)
    path = tmp_path / "near.skops"
    skops.io.dump(KNeighborsClassifier(weights="distance").fit(features, labels), path)

    made = answer(trivet("publish", str(path), "--name", "near", "--json"))
    model = mlflow.pyfunc.load_model("models:/near@production")

    assert made["runtime"] == "sklearn"
    assert fetch("models:/near@production", home).digest == made["digest"]
    assert model.predict(ROW).tolist() == [0]


@pytest.mark.parametrize(
    ("uri", "sentence"),
    [
        ("runs:/0123456789abcdef0123456789abcdef/model", "cannot be fetched from MLflow"),
        ("models:/nobody@production", "cannot be fetched from MLflow"),
        ("models:/iris-classifier/Production", "use models:/iris-classifier@production"),
    ],
)
def test_what_mlflow_does_not_have_is_one_sentence(trivet: Trivet, uri: str, sentence: str) -> None:
    done = trivet("publish", uri, "--name", "x")

    assert done.code == 1
    assert sentence in done.errors
    assert "Traceback" not in done.errors


def test_accuracy_is_of_rows_that_were_held_out(trained: Any) -> None:
    assert (trained["rows_trained"], trained["rows_held_out"]) == (120, 30)
    assert np.isclose(trained["accuracy"], 1.0, atol=0.1)
