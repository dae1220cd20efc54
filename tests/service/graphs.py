"""Two ONNX graphs that no estimator gives: one that takes its time, and one that fails on some rows."""

from pathlib import Path

import msgspec
import numpy as np
from onnx import TensorProto, helper, numpy_helper, save

from services.core.compiled_model import MANIFEST_FILE, Manifest
from services.core.signature import Signature, TensorSpec
from tests.service.facts import Facts, write

# Steps for each unit of the largest fourth column: 4.0, as in the sample, takes about 10 ms, whatever the rows.
STEPS = 100
SLOW_WIDTH = 8192
OPSET, IR_VERSION = 18, 9


def slow(folder: Path) -> None:
    """Write a model that adds up each row, and computes many useless cosines, as many as the fourth column says."""
    constants = [
        numpy_helper.from_array(np.array(STEPS, dtype=np.float32), "steps_a_unit"),
        numpy_helper.from_array(np.array(3, dtype=np.int64), "fourth"),
        numpy_helper.from_array(np.array(True), "go"),
        numpy_helper.from_array(np.array([SLOW_WIDTH], dtype=np.int64), "width"),
        numpy_helper.from_array(np.array([1], dtype=np.int64), "axis"),
        numpy_helper.from_array(np.array(0.0, dtype=np.float32), "zero"),
    ]
    body = helper.make_graph(
        [helper.make_node("Cos", ["value"], ["next"]), helper.make_node("Identity", ["on"], ["still"])],
        "step",
        [
            helper.make_tensor_value_info("step", TensorProto.INT64, []),
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("value", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("still", TensorProto.BOOL, []),
            helper.make_tensor_value_info("next", TensorProto.FLOAT, None),
        ],
    )
    nodes = [
        helper.make_node("Gather", ["features", "fourth"], ["column"], axis=1),
        helper.make_node("ReduceMax", ["column"], ["units"], keepdims=0),
        helper.make_node("Mul", ["units", "steps_a_unit"], ["steps_as_float"]),
        helper.make_node("Cast", ["steps_as_float"], ["steps"], to=TensorProto.INT64),
        helper.make_node("ReduceSum", ["features", "axis"], ["prediction_only"], keepdims=0),
        helper.make_node("ReduceSum", ["features"], ["total"], keepdims=0),
        helper.make_node("Mul", ["total", "zero"], ["nothing"]),
        helper.make_node("Expand", ["nothing", "width"], ["start"]),
        helper.make_node("Loop", ["steps", "go", "start"], ["end"], body=body),
        helper.make_node("ReduceMax", ["end"], ["largest"], keepdims=0),
        helper.make_node("Mul", ["largest", "zero"], ["nothing_again"]),
        helper.make_node("Add", ["prediction_only", "nothing_again"], ["prediction"]),
    ]
    signature = Signature(
        inputs=(TensorSpec("features", "FP32", (-1, 4)),), outputs=(TensorSpec("prediction", "FP32", (-1,)),)
    )
    rows = [[float(number), 1.0, 2.0, 4.0] for number in range(64)]
    facts = Facts(folder.name, signature, rows, [sum(row) for row in rows])
    _write(folder, nodes, constants, facts, TensorProto.FLOAT)


def fragile(folder: Path, index: int = 3) -> None:
    """Write a model that looks each row up in a table of four, and fails when it is not there.

    index: the last row of its sample; one that is not in the table fails the warm-up.
    """
    table = np.array([10, 20, 30, 40], dtype=np.int64)
    constants = [
        numpy_helper.from_array(table, "table"),
        numpy_helper.from_array(np.array([1], dtype=np.int64), "axis"),
    ]
    nodes = [
        helper.make_node("Squeeze", ["features", "axis"], ["index"]),
        helper.make_node("Gather", ["table", "index"], ["prediction"]),
    ]
    signature = Signature(
        inputs=(TensorSpec("features", "INT64", (-1, 1)),), outputs=(TensorSpec("prediction", "INT64", (-1,)),)
    )
    _write(folder, nodes, constants, Facts(folder.name, signature, [[0], [index]], [10, 40]), TensorProto.INT64)


def _write(folder: Path, nodes: list, constants: list, facts: Facts, kind: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    columns = facts.signature.inputs[0].shape[1]
    graph = helper.make_graph(
        nodes,
        folder.name,
        [helper.make_tensor_value_info("features", kind, ["n", columns])],
        [helper.make_tensor_value_info("prediction", kind, ["n"])],
        constants,
    )
    opset = helper.make_opsetid("", OPSET)
    save(helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION), folder / "model.onnx")
    manifest = Manifest(facts.name, "onnx", facts.signature, {"features": facts.rows[:2]})
    (folder / MANIFEST_FILE).write_bytes(msgspec.json.encode(manifest))
    write(folder.parent, facts)
