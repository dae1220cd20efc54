"""What a model takes and gives: named tensors, and the check that a request fits."""

import msgspec
import numpy as np

from services.core.errors import UnfitInput
from services.core.tensors import DATATYPES, Array, Tensors, datatype_of

FLOAT32_MAX = float(np.finfo(np.float32).max)
# A sum of squares below this holds no value beyond 1e19, which every limit allows; a narrower sum overflows to
# infinity before it could hide one.
FAST_SQUARE = 1e38


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

    def check(self, tensors: Tensors) -> int:
        """Return the number of rows of a request whose tensors fit.

        Raises UnfitInput, naming the input, what it is and what the model takes.
        """
        rows = -1
        for spec in self.inputs:
            array = tensors.get(spec.name)
            if array is None:
                given = f", not {min(tensors)!r}" if tensors else ""
                raise UnfitInput(f"the input {spec.name!r} is missing; the model takes {names(self.inputs)}{given}")
            _check_shape(spec, array)
            if self.batched:
                if rows not in (-1, array.shape[0]):
                    raise UnfitInput(f"the input {spec.name!r} has {array.shape[0]} rows, another input has {rows}")
                rows = array.shape[0]
            _check_values(spec, array)
        if len(tensors) > len(self.inputs):
            unknown = min(tensors.keys() - {spec.name for spec in self.inputs})
            raise UnfitInput(f"there is no input {unknown!r}; the model takes {names(self.inputs)}")
        return rows if self.batched else 1


def names(specs: tuple[TensorSpec, ...]) -> str:
    """Return tensor names for a message, at most eight of them."""
    listed = ", ".join(repr(spec.name) for spec in specs[:8])
    return listed if len(specs) <= 8 else f"{listed} and {len(specs) - 8} more"


def _check_shape(spec: TensorSpec, array: Array) -> None:
    if array.dtype != DATATYPES.get(spec.datatype):
        given = datatype_of(array)
        raise UnfitInput(f"the input {spec.name!r} has the datatype {given}; the model takes {spec.datatype}")
    shape, wanted = array.shape, spec.shape
    if shape[1:] == wanted[1:] and wanted[:1] == (-1,) and shape[0]:
        return  # rows of fixed width, as nearly every request
    fits = len(shape) == len(wanted) and all(size in (-1, got) for size, got in zip(wanted, shape, strict=True))
    if not fits:
        raise UnfitInput(
            f"the input {spec.name!r} has the shape {list(array.shape)}; the model takes {list(spec.shape)}"
        )
    if array.size == 0:
        raise UnfitInput(f"the input {spec.name!r} is empty; at least one row was expected")


def _check_values(spec: TensorSpec, array: Array) -> None:
    if array.dtype.kind != "f":
        return
    # The sum of squares is below the limit's square only if every value is finite and within the limit: one cheap
    # pass over a good request. Whatever it does not clear gets the exact look below.
    if float(np.vdot(array, array)) < FAST_SQUARE:
        return
    if np.isinf(array).any():
        raise UnfitInput(f"the input {spec.name!r} holds Infinity; a finite number was expected")
    if not spec.missing and np.isnan(array).any():
        raise UnfitInput(
            f"the input {spec.name!r} lacks a value (null or NaN), and the model takes no missing values there"
        )
    if np.nanmax(np.abs(array), initial=0.0) > spec.limit:
        raise UnfitInput(
            f"the input {spec.name!r} holds a number beyond {spec.limit:.4g}, the range of the model's float32"
        )
