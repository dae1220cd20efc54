"""Synthetic ONNX models whose cost is known: stacks of dense layers.

Deep and narrow, a run costs about the same for one row and for many; wide and shallow, every row has its cost.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from bench import iris
from bench.workload import Workload
from services.core.compiled_model import MANIFEST_FILE, MODEL_FILES, Manifest
from services.core.signature import Signature, TensorSpec

Array = np.ndarray[Any, Any]

FEATURES = 16
CLASSES = 8
ROWS = 128
SEED = 0
OPSET = 17


@dataclass(frozen=True)
class Dense:
    """`layers` layers of width x width float32 weights; the answer is the class with the largest score."""

    name: str
    width: int
    layers: int

    @cached_property
    def rows(self) -> Array:
        return np.random.default_rng(SEED).standard_normal((ROWS, FEATURES)).astype(np.float32)

    def write(self, path: Path) -> Path:
        """Write the model as ONNX: features FP32 [-1, 16] → prediction INT64 [-1]."""
        import onnx
        from onnx import TensorProto, helper, numpy_helper

        weights = self._weights()
        nodes, last = [], "features"
        for number in range(len(weights) - 1):
            nodes.append(helper.make_node("MatMul", [last, f"w{number}"], [f"m{number}"]))
            nodes.append(helper.make_node("Abs", [f"m{number}"], [f"a{number}"]))
            last = f"a{number}"
        # The last weights lead from the features straight to the scores, so that rows keep labels of their own.
        nodes.append(helper.make_node("MatMul", ["features", f"w{len(weights) - 1}"], ["direct"]))
        nodes.append(helper.make_node("Add", [last, "direct"], ["scores"]))
        nodes.append(helper.make_node("ArgMax", ["scores"], ["prediction"], axis=1, keepdims=0))
        features = helper.make_tensor_value_info("features", TensorProto.FLOAT, ["rows", FEATURES])
        prediction = helper.make_tensor_value_info("prediction", TensorProto.INT64, ["rows"])
        initializers = [numpy_helper.from_array(matrix, f"w{number}") for number, matrix in enumerate(weights)]
        graph = helper.make_graph(nodes, self.name, [features], [prediction], initializers)
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8), str(path))
        return path

    def compile(self, folder: Path) -> Path:
        """Write folder/compiled, the compiled model that Trivet serves, and return the model's file in it."""
        compiled = folder / "compiled"
        compiled.mkdir(parents=True, exist_ok=True)
        inputs = (TensorSpec("features", "FP32", (-1, FEATURES)),)
        signature = Signature(inputs, (TensorSpec("prediction", "INT64", (-1,)),))
        manifest = Manifest(self.name, "onnx", signature, {"features": self.rows[:4].tolist()})
        (compiled / MANIFEST_FILE).write_bytes(msgspec.json.encode(manifest))
        return self.write(compiled / MODEL_FILES["onnx"])

    def _weights(self) -> list[Array]:
        """Draw the weights, each layer scaled so that its values stay around 1 however deep the stack is."""
        random = np.random.default_rng(SEED)
        weights, values = [], self.rows
        for wide, narrow in pairwise([FEATURES, *[self.width] * self.layers, CLASSES]):
            matrix = random.standard_normal((wide, narrow)).astype(np.float32)
            values = np.abs(values @ matrix)
            scale = np.sqrt(np.mean(values**2))
            weights.append(matrix / scale)
            values /= scale
        return [*weights, random.standard_normal((FEATURES, CLASSES)).astype(np.float32)]

    def workload(self, model: Path, rows_each: int = 1) -> Workload:
        """Return binary V2 requests of so many rows; right is what the runtime alone answers, row by row."""
        session = open_session(model)
        labels = [int(session.run(None, {"features": row[None]})[0][0]) for row in self.rows]
        starts = range(0, ROWS - rows_each + 1, rows_each)
        requests = [iris.binary_request(self.rows[at : at + rows_each], "FP32", self.name) for at in starts]
        expected = [labels[at : at + rows_each] for at in starts]
        return Workload(requests, expected, lambda head, body: iris.read_binary(head, body).tolist())


def open_session(model: Path) -> Any:
    """Open a model in the runtime as Trivet does: one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
