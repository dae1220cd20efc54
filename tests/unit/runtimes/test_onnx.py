"""The ONNX runtime: real models, real failures."""

import shutil
import sys
import threading
from pathlib import Path

import msgspec
import numpy as np
import pytest

from services import runtimes
from services.core import contract
from services.core.compiled_model import CompiledModel
from services.core.errors import LoadFailed
from services.core.settings import Settings
from services.core.signature import TensorSpec
from services.core.warm_up import warm_up
from services.runtimes import onnx


@pytest.fixture
def copied(scaler: CompiledModel, tmp_path: Path) -> CompiledModel:
    """A copy that a test may damage."""
    return msgspec.structs.replace(scaler, folder=Path(shutil.copytree(scaler.folder, tmp_path / "copy")))


def test_a_run_gives_every_output_by_name_and_in_order(scaler):
    runtime = onnx.load(scaler, threads=1)

    outputs = runtime.predict({"features": np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])})

    assert outputs["prediction"].tolist() == [6, 15]
    assert outputs["probability"].tolist() == [[10, 20, 30], [40, 50, 60]]
    assert runtime.platform == "onnx_onnxv1"


def test_a_row_of_trees_gives_the_same_bits_alone_and_in_a_batch(forest):
    runtime = onnx.load(forest, threads=1)
    rows = np.random.default_rng(0).uniform(0, 8, size=(256, 4))

    together = runtime.predict({"features": rows})["prediction"]
    alone = [runtime.predict({"features": rows[number : number + 1]})["prediction"] for number in range(256)]

    assert together.dtype == np.float32
    assert np.array_equal(together, np.concatenate(alone))


def test_texts_and_whole_numbers_come_back(labeller):
    runtime = onnx.load(labeller, threads=1)
    words = np.array([["a"], ["süß 😀"], [""]], dtype=object)

    outputs = runtime.predict({"word": words, "count": np.array([[1], [-(2**63)], [2**63 - 1]])})

    assert outputs["prediction"].ravel().tolist() == ["a", "süß 😀", ""]
    assert outputs["counted"].ravel().tolist() == [1, -(2**63), 2**63 - 1]


@pytest.mark.parametrize("padding", range(8))
def test_a_binary_request_that_begins_at_any_byte_is_run(scaler, padding):
    rows = np.random.default_rng(padding).normal(size=(33, 3))
    tensor = {"name": "features", "shape": [33, 3], "datatype": "FP64", "parameters": {"binary_data_size": rows.nbytes}}
    text = msgspec.json.encode({"id": "x" * padding, "inputs": [tensor]})
    request = contract.decode_infer(text + rows.tobytes(), len(text), scaler.manifest.signature)

    outputs = onnx.load(scaler, threads=1).predict(request.tensors)

    assert np.array_equal(outputs["probability"], rows * 10)


def test_the_models_warm_up(scaler, labeller, forest):
    for compiled in (scaler, labeller, forest):
        measured = warm_up(runtimes.load(compiled, Settings()), compiled.manifest, 16)

        assert [rows for rows, _ in measured] == [1, 2, 4, 8, 16]


def test_a_file_that_is_no_model_is_refused(copied):
    copied.model_file.write_bytes(b"no model")

    with pytest.raises(LoadFailed, match=r"cannot load model\.onnx"):
        onnx.load(copied, threads=1)


def test_a_model_without_a_promised_output_is_refused(copied):
    signature = copied.manifest.signature
    promised = msgspec.structs.replace(signature, outputs=(*signature.outputs, TensorSpec("more", "FP64", (-1,))))
    manifest = msgspec.structs.replace(copied.manifest, signature=promised)

    with pytest.raises(LoadFailed, match="no output 'more', which its signature promises"):
        onnx.load(msgspec.structs.replace(copied, manifest=manifest), threads=1)


def test_only_the_signatures_outputs_are_computed(copied):
    signature = msgspec.structs.replace(copied.manifest.signature, outputs=copied.manifest.signature.outputs[:1])
    manifest = msgspec.structs.replace(copied.manifest, signature=signature)
    runtime = onnx.load(msgspec.structs.replace(copied, manifest=manifest), threads=1)

    assert list(runtime.predict({"features": np.zeros((1, 3))})) == ["prediction"]


def test_a_model_stays_usable_after_a_run_that_failed(scaler):
    runtime = onnx.load(scaler, threads=1)

    with pytest.raises(Exception, match=r"[Ii]nvalid"):
        runtime.predict({"features": np.zeros((1, 5))})

    assert runtime.predict({"features": np.ones((1, 3))})["prediction"].tolist() == [3]


def test_one_thread_runs_a_model_without_a_pool_of_its_own(scaler):
    before = threading.active_count()

    runtime = onnx.load(scaler, threads=1)
    runtime.predict({"features": np.ones((1000, 3))})

    assert threading.active_count() == before


def test_the_scikit_learn_runtime_says_what_is_not_installed(copied, monkeypatch):
    monkeypatch.setitem(sys.modules, "services.runtimes.sklearn", None)
    monkeypatch.delattr(runtimes, "sklearn", raising=False)
    manifest = msgspec.structs.replace(copied.manifest, runtime="sklearn")

    with pytest.raises(LoadFailed, match=r"trivet\[sklearn\]"):
        runtimes.load(msgspec.structs.replace(copied, manifest=manifest), Settings())
