"""Tiny real ONNX models, each a compiled model's folder."""

from pathlib import Path

import msgspec
import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper, save

from services.core import compiled_model
from services.core.compiled_model import MANIFEST_FILE, CompiledModel, Manifest
from services.core.signature import Signature, TensorSpec

OPSET, IR_VERSION = 18, 9
KINDS = {"FP64": TensorProto.DOUBLE, "FP32": TensorProto.FLOAT, "INT64": TensorProto.INT64, "BYTES": TensorProto.STRING}


def scaler(folder: Path, *, version: str = "1", factor: float = 10.0) -> CompiledModel:
    """Rows of three numbers: their sum, and each times the factor."""
    signature = Signature(
        inputs=(TensorSpec("features", "FP64", (-1, 3)),),
        outputs=(TensorSpec("prediction", "FP64", (-1,)), TensorSpec("probability", "FP64", (-1, 3))),
    )
    nodes = [
        helper.make_node("ReduceSum", ["features", "axis"], ["prediction"], keepdims=0),
        helper.make_node("Mul", ["features", "factor"], ["probability"]),
    ]
    constants = {"axis": np.array([1]), "factor": np.array(factor)}
    sample = {"features": [[0.0, 0.5, 1.0], [1.5, 2.0, 2.5]]}
    return write(folder, Manifest("scaler", "onnx", signature, sample), nodes, constants, version=version)


def labeller(folder: Path) -> CompiledModel:
    """A column of texts and one of whole numbers, said back."""
    signature = Signature(
        inputs=(TensorSpec("word", "BYTES", (-1, 1)), TensorSpec("count", "INT64", (-1, 1))),
        outputs=(TensorSpec("prediction", "BYTES", (-1, 1)), TensorSpec("counted", "INT64", (-1, 1))),
    )
    nodes = [
        helper.make_node("Identity", ["word"], ["prediction"]),
        helper.make_node("Identity", ["count"], ["counted"]),
    ]
    sample = {"word": [["a"], ["é"]], "count": [[1], [2]]}
    return write(folder, Manifest("labeller", "onnx", signature, sample), nodes, {})


def iris(folder: Path) -> CompiledModel:
    """A classifier of scikit-learn, as skl2onnx writes it."""
    from skl2onnx import to_onnx
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression

    rows, labels = load_iris(return_X_y=True)
    model = LogisticRegression(max_iter=500).fit(rows, labels)
    proto = to_onnx(model, rows[:1], options={"zipmap": False}, target_opset={"": OPSET, "ai.onnx.ml": 3})
    (label, probability), given = [output.name for output in proto.graph.output], proto.graph.input[0].name
    signature = Signature(
        inputs=(TensorSpec(given, "FP64", (-1, 4)),),
        outputs=(TensorSpec(label, "INT64", (-1,)), TensorSpec(probability, "FP64", (-1, 3), classes=(0, 1, 2))),
    )
    save(proto, folder / "model.onnx")
    return _read(folder, Manifest("iris", "onnx", signature, {given: rows[:2].tolist()}), "1")


def write(
    folder: Path,
    manifest: Manifest,
    nodes: list[NodeProto],
    constants: dict[str, "np.ndarray"],
    *,
    version: str = "1",
) -> CompiledModel:
    """Write a graph whose inputs and outputs are the signature's."""
    graph = helper.make_graph(
        nodes,
        manifest.name,
        [_described(spec) for spec in manifest.signature.inputs],
        [_described(spec) for spec in manifest.signature.outputs],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", OPSET)]
    save(helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION), folder / "model.onnx")
    return _read(folder, manifest, version)


def _described(spec: TensorSpec) -> "helper.ValueInfoProto":
    return helper.make_tensor_value_info(spec.name, KINDS[spec.datatype], ["n", *spec.shape[1:]])


def _read(folder: Path, manifest: Manifest, version: str) -> CompiledModel:
    (folder / MANIFEST_FILE).write_bytes(msgspec.json.encode(manifest))
    return compiled_model.read(folder, version=version, expected_digest=None)
