"""What a model takes and gives: named tensors, and the check that a request fits."""

from math import isfinite

import msgspec
import numpy as np

from services.core.errors import UnfitInput
from services.core.tensors import DATATYPES, Array, Tensors, datatype_of

FLOAT32_MAX = float(np.finfo(np.float32).max)


class TensorSpec(msgspec.Struct, frozen=True, omit_defaults=True):
    """One named tensor.

    shape: -1 stands for any size; the first axis is the batch when the signature is batched.
    missing: NaN (in JSON, null) is accepted and means that the value is missing.
    float32: the model computes in single precision, so a value beyond its range is refused.
    classes: for a prediction or probability, the labels in the order of the probabilities' columns.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    missing: bool = False
    float32: bool = False
    classes: tuple[str | int | float | bool, ...] | None = None

    @property
    def limit(self) -> float:
        """The largest absolute value that the tensor can hold without becoming infinite."""
        if self.datatype == "FP16":
            return float(np.finfo(np.float16).max)
        return FLOAT32_MAX if self.float32 or self.datatype == "FP32" else float(np.finfo(np.float64).max)


class Signature(msgspec.Struct, frozen=True, omit_defaults=True):
    """The inputs and outputs of a model.

    batched: the first axis of every tensor is the batch, so that requests can be merged.
    columns: for the one matrix input `features`, the names of its columns, where they are known.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    batched: bool = True
    columns: tuple[str, ...] | None = None

    @property
    def is_matrix(self) -> bool:
        """One two-dimensional input: `/predict` takes a row as a list."""
        return len(self.inputs) == 1 and len(self.inputs[0].shape) == 2
