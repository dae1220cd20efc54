"""Two tiny real models that between them have everything that a check may look at."""

from pathlib import Path

import numpy as np
from onnx import TensorProto, helper

from services.core.compiled_model import CompiledModel, Manifest
from services.core.signature import Signature, TensorSpec
from tests.unit import onnx_models

OUTPUTS = (
    TensorSpec("prediction", "FP32", (-1,)),
    TensorSpec("probability", "FP32", (-1, 2), classes=("no", "yes")),
)
# A tenth of the sum, which float32 does not hold exactly, and its double.
ANSWERS = (
    helper.make_node("Cast", ["sum"], ["narrow"], to=TensorProto.FLOAT),
    helper.make_node("Mul", ["narrow", "tenth"], ["column"]),
    helper.make_node("Squeeze", ["column", "axis"], ["prediction"]),
    helper.make_node("Add", ["column", "column"], ["double"]),
    helper.make_node("Concat", ["column", "double"], ["probability"], axis=1),
)
CONSTANTS = {"tenth": np.array(0.1, np.float32), "axis": np.array([1])}


def matrix(folder: Path) -> CompiledModel:
    """Rows of three numbers."""
    signature = Signature((TensorSpec("features", "FP64", (-1, 3), float32=True),), OUTPUTS)
    nodes = [helper.make_node("ReduceSum", ["features", "axis"], ["sum"], keepdims=1), *ANSWERS]
    sample = {"features": [[0.0, 0.5, 1.0], [1.5, 2.0, 2.5]]}
    return onnx_models.write(folder, Manifest("matrix", "onnx", signature, sample), nodes, CONSTANTS)


def columns(folder: Path) -> CompiledModel:
    """Named columns: a text that says nothing, a whole number, and a number that may be missing."""
    inputs = (
        TensorSpec("word", "BYTES", (-1, 1)),
        TensorSpec("count", "INT64", (-1, 1)),
        TensorSpec("size", "FP64", (-1, 1), missing=True, float32=True),
    )
    nodes = [
        helper.make_node("Cast", ["count"], ["counted"], to=TensorProto.DOUBLE),
        helper.make_node("IsNaN", ["size"], ["lacks"]),
        helper.make_node("Where", ["lacks", "zero", "size"], ["known"]),
        helper.make_node("Sum", ["counted", "known"], ["sum"]),
        *ANSWERS,
    ]
    constants = CONSTANTS | {"zero": np.array(0.0)}
    sample = {"word": [["a"], ["é"]], "count": [[1], [2]], "size": [[None], [0.5]]}
    return onnx_models.write(folder, Manifest("columns", "onnx", Signature(inputs, OUTPUTS), sample), nodes, constants)
