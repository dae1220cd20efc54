"""The columns of a model's tensors, one by one: what two samples of rows are compared by."""

from collections import Counter
from collections.abc import Sequence
from typing import Literal

import msgspec
import numpy as np

from services.core.signature import Signature, TensorSpec
from services.core.tensors import Array, Tensors

# Longer texts are compared by their beginning, so that what is kept of them is bounded.
LABEL_CHARACTERS = 128


class Column(msgspec.Struct, frozen=True):
    """One value of each row.

    tensor: whose. index: which of its columns; None where the tensor has no second axis.
    kind: numbers have an order; categories are texts, booleans and labels.
    """

    name: str
    tensor: str
    index: int | None
    kind: Literal["numbers", "categories"]

    def values(self, tensors: Tensors) -> Array:
        """Return the values of each row: floats or labels; NaN or None where one is missing."""
        array = tensors[self.tensor]
        values = array if self.index is None else array[:, self.index]
        if self.kind == "numbers":
            return np.asarray(values, dtype=np.float64)
        labels = np.empty(len(values), dtype=object)
        labels[:] = [None if value is None else label(value) for value in values.tolist()]
        return labels


def features(signature: Signature) -> tuple[Column, ...]:
    """Return the columns of the inputs. Tensors of other shapes than [-1], [-1, n] have none."""
    return tuple(column for spec in signature.inputs for column in _columns(spec, signature.columns))


def scores(signature: Signature) -> tuple[Column, ...]:
    """Return the columns of the outputs; of two probabilities, which add up to one, only the second."""
    found = []
    for spec in signature.outputs:
        classes = spec.classes if len(spec.shape) == 2 and spec.classes else ()
        named = tuple(f"{spec.name}[{label(each)}]" for each in classes)
        columns = _columns(spec, named or None)
        found += columns[1:] if len(classes) == 2 and len(columns) == 2 else columns
    return tuple(found)


def label(value: object) -> str:
    """Return a category as text, as JSON writes it."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text[:LABEL_CHARACTERS]


def fits(spec: TensorSpec, array: Array) -> bool:
    """Whether a tensor has the shape of its specification and at least one row."""
    given = array.shape
    return (
        len(given) == len(spec.shape)
        and array.size > 0
        and all(wanted in (-1, size) for wanted, size in zip(spec.shape, given, strict=True))
    )


def _columns(spec: TensorSpec, names: Sequence[str] | None) -> list[Column]:
    kind = _kind(spec)
    if spec.shape == (-1,):
        return [Column(spec.name, spec.name, None, kind)]
    if len(spec.shape) != 2 or spec.shape[0] != -1 or spec.shape[1] < 1:
        return []
    width = spec.shape[1]
    if names is None or len(names) != width:
        names = [spec.name] if width == 1 else [f"{spec.name}[{index}]" for index in range(width)]
    twice = {name for name, count in Counter(names).items() if count > 1}
    unique = (f"{name}[{index}]" if name in twice else name for index, name in enumerate(names))
    return [Column(name, spec.name, index, kind) for index, name in enumerate(unique)]


def _kind(spec: TensorSpec) -> Literal["numbers", "categories"]:
    is_label = spec.classes is not None and spec.shape == (-1,)
    return "categories" if is_label or spec.datatype in ("BYTES", "BOOL") else "numbers"
