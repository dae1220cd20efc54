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


def forest(folder: Path) -> CompiledModel:
    """Trees of one question each over four numbers; in float32, as scikit-learn's trees compute."""
    signature = Signature(
        inputs=(TensorSpec("features", "FP64", (-1, 4), float32=True),),
        outputs=(TensorSpec("prediction", "FP32", (-1,)),),
    )
    random, count = np.random.default_rng(0), 50
    trees = np.repeat(np.arange(count), 3)
    ensemble = helper.make_node(
        "TreeEnsembleRegressor",
        ["narrow"],
        ["sum"],
        domain="ai.onnx.ml",
        nodes_treeids=trees.tolist(),
        nodes_nodeids=[0, 1, 2] * count,
        nodes_featureids=random.integers(0, 4, 3 * count).tolist(),
        nodes_values=random.uniform(0, 8, 3 * count).tolist(),
        nodes_modes=["BRANCH_LEQ", "LEAF", "LEAF"] * count,
        nodes_truenodeids=[1, 0, 0] * count,
        nodes_falsenodeids=[2, 0, 0] * count,
        target_treeids=np.repeat(np.arange(count), 2).tolist(),
        target_nodeids=[1, 2] * count,
        target_ids=[0] * 2 * count,
        target_weights=random.normal(size=2 * count).tolist(),
        n_targets=1,
    )
    nodes = [
        helper.make_node("Cast", ["features"], ["narrow"], to=TensorProto.FLOAT),
        ensemble,
        helper.make_node("Squeeze", ["sum", "axis"], ["prediction"]),
    ]
    sample = {"features": random.uniform(0, 8, (2, 4)).tolist()}
    return write(folder, Manifest("forest", "onnx", signature, sample), nodes, {"axis": np.array([1])})


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
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", 3)]
    save(helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION), folder / "model.onnx")
    (folder / MANIFEST_FILE).write_bytes(msgspec.json.encode(manifest))
    return compiled_model.read(folder, version=version, expected_digest=None)


def _described(spec: TensorSpec) -> "helper.ValueInfoProto":
    return helper.make_tensor_value_info(spec.name, KINDS[spec.datatype], ["n", *spec.shape[1:]])
