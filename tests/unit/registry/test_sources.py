"""What `publish` reads, what it refuses, and with which words."""

import os
import pickle
from pathlib import Path

import pytest
import skops.io
from skl2onnx import to_onnx
from sklearn.ensemble import RandomForestClassifier
from sklearn.naive_bayes import GaussianNB

from services.core import compiled_model
from services.core.errors import LoadFailed, TrivetError
from services.registry.publish import NotOnnx, Order, Published, publish
from services.runtimes import sklearn
from tests.unit.registry.tables import X, Y


def quiet(line: str) -> None:
    pass


def published(uri: Path | str, tmp_path: Path, **options: object) -> Published:
    order = Order(str(uri), output=tmp_path / "out", **options)  # type: ignore[arg-type]
    return publish(order, sklearn, (), tmp_path, quiet)


@pytest.fixture
def skops_file(tmp_path: Path) -> Path:
    path = tmp_path / "iris.skops"
    skops.io.dump(GaussianNB().fit(X, Y), path)
    return path


def test_skops_file_becomes_a_compiled_folder(skops_file: Path, tmp_path: Path) -> None:
    result = published(skops_file, tmp_path, name="iris")

    model = compiled_model.read(tmp_path / "out", version="0", expected_digest=result.digest)
    assert (model.manifest.name, model.manifest.runtime, result.version) == ("iris", "onnx", None)
    assert model.manifest.parity["rows"] == 2000
    assert model.manifest.provenance["source"] == str(skops_file)
    assert model.manifest.provenance["estimator"] == "GaussianNB"


def test_compiled_folder_is_published_as_it_is(skops_file: Path, tmp_path: Path) -> None:
    first = published(skops_file, tmp_path, name="iris")
    content = (tmp_path / "out" / "model.onnx").read_bytes()
    (tmp_path / "out").rename(tmp_path / "before")

    again = published(tmp_path / "before", tmp_path, name="other")

    assert (again.name, again.parity) == ("other", first.parity)
    assert (tmp_path / "out" / "model.onnx").read_bytes() == content


def test_folder_with_other_files_is_not_written_to(skops_file: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes.txt").touch()

    with pytest.raises(TrivetError, match=r"already holds notes\.txt"):
        published(skops_file, tmp_path)


def test_pickle_is_refused_without_the_flag(tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(GaussianNB().fit(X, Y)))

    with pytest.raises(TrivetError, match=r"is a pickle, .* --allow-pickle"):
        published(path, tmp_path)


class Marks:
    """Leaves a mark when it is unpickled."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple:
        return os.system, (self.command,)


def test_refused_pickle_runs_nothing(tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(Marks(f"touch {tmp_path / 'mark'}")))

    with pytest.raises(TrivetError, match="is a pickle"):
        published(path, tmp_path)
    assert not (tmp_path / "mark").exists()


def test_damaged_skops_file_is_said(tmp_path: Path) -> None:
    path = tmp_path / "model.skops"
    path.write_bytes(b"PK but no zip")

    with pytest.raises(LoadFailed, match="no readable skops file"):
        published(path, tmp_path)


def test_damaged_onnx_file_is_said(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"no graph")

    with pytest.raises(TrivetError, match="is no ONNX model that onnxruntime loads"):
        published(path, tmp_path)


@pytest.mark.parametrize("name", ["nowhere.skops", "models"])
def test_what_is_not_there_is_said(name: str, tmp_path: Path) -> None:
    with pytest.raises(TrivetError, match="is neither a file or folder nor"):
        published(tmp_path / name, tmp_path)


def test_stage_is_refused_with_the_alias_to_use(tmp_path: Path) -> None:
    with pytest.raises(TrivetError, match="use models:/iris-classifier@production"):
        published("models:/iris-classifier/Production", tmp_path)


def test_onnx_model_keeps_its_own_names(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    forest = RandomForestClassifier(3, random_state=0).fit(X, Y)
    path.write_bytes(to_onnx(forest, X[:1].astype("float32"), options={"zipmap": False}).SerializeToString())

    published(path, tmp_path)

    signature = compiled_model.read(tmp_path / "out", version="0", expected_digest=None).manifest.signature
    assert [(spec.name, spec.datatype, spec.shape) for spec in signature.inputs] == [("X", "FP32", (-1, 4))]
    assert [spec.name for spec in signature.outputs] == ["label", "probabilities"]
    assert signature.batched


def test_onnx_model_with_maps_is_refused_with_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    forest = RandomForestClassifier(3, random_state=0).fit(X, Y)
    path.write_bytes(to_onnx(forest, X[:1].astype("float32")).SerializeToString())

    with pytest.raises(TrivetError, match="zipmap=False"):
        published(path, tmp_path)


def test_required_onnx_fails_with_the_reason(tmp_path: Path) -> None:
    from sklearn.kernel_ridge import KernelRidge

    path = tmp_path / "model.skops"
    skops.io.dump(KernelRidge().fit(X, Y), path)

    with pytest.raises(NotOnnx, match="skl2onnx has no converter for KernelRidge"):
        published(path, tmp_path, require_onnx=True)


def test_name_is_needed_to_register_a_file(skops_file: Path, tmp_path: Path) -> None:
    order = Order(str(skops_file))

    with pytest.raises(TrivetError, match="add --name NAME"):
        publish(order, sklearn, (), tmp_path, quiet)
