"""The signature of a fitted estimator: its inputs from the input example, its outputs from what it predicts."""

from typing import Any

import numpy as np

from services.core.errors import TrivetError
from services.core.signature import Signature, TensorSpec
from services.core.tensors import Array, Tensors
from services.registry.adapter import Adapter

FEATURES = "features"


class CannotCompile(TrivetError):
    """The model cannot be served, and why."""


def inputs_of(estimator: Any, example: Any, columns: tuple[str, ...] | None, adapter: Adapter) -> Signature:
    """Return a signature with inputs only.

    example: a DataFrame, an array, or None where the estimator itself says how many features it takes.
    columns: names for the columns of a matrix, where the source documents them.
    Raises CannotCompile when the example is of no use, or missing where it is needed.
    """
    if example is None:
        return _matrix(_features_in(estimator), "FP64", _names(estimator))
    if hasattr(example, "columns"):
        if adapter.takes_text(estimator) and len(example.columns) != 1:
            raise CannotCompile(
                f"{_name(estimator)} takes one text; the input example has {len(example.columns)} columns"
            )
        return _of_frame(estimator, example, adapter)
    array = np.asarray(example)
    if array.ndim == 1 and adapter.takes_text(estimator):
        array = array[:, None]
    if array.ndim != 2:
        raise CannotCompile(f"the input example has the shape {list(array.shape)}, and [rows, features] was expected")
    named = columns if columns and len(columns) == array.shape[1] else None
    return _matrix(array.shape[1], matrix_datatype(array), named)


def matrix_datatype(array: Array) -> str:
    """Return the datatype of a matrix: FP32 stays, other numbers become FP64, texts BYTES."""
    if array.dtype.kind in "OUS":
        return "BYTES"
    if array.dtype.kind not in "fiub":
        raise CannotCompile(f"the input example holds {array.dtype}, and numbers, booleans or texts were expected")
    return "FP32" if array.dtype == np.float32 else "FP64"


def _of_frame(estimator: Any, frame: Any, adapter: Adapter) -> Signature:
    names = tuple(str(name) for name in frame.columns)
    datatypes = [_column_datatype(name, frame[column]) for name, column in zip(names, frame.columns, strict=True)]
    uniform = len(set(datatypes)) == 1 and datatypes[0] in ("FP32", "FP64")
    if adapter.takes_text(estimator):
        return _matrix(1, "BYTES", names)
    if uniform and not selects_columns(estimator):
        return _matrix(len(names), datatypes[0], names)
    specs = (TensorSpec(name, datatype, (-1, 1)) for name, datatype in zip(names, datatypes, strict=True))
    return Signature(tuple(specs), ())


def _column_datatype(name: str, series: Any) -> str:
    from pandas.api import types

    dtype = series.dtype
    if types.is_bool_dtype(dtype):
        return "BOOL"
    if types.is_integer_dtype(dtype):
        return "INT64"
    if types.is_float_dtype(dtype):
        return "FP32" if dtype == np.float32 else "FP64"
    values = series.dropna()
    if all(isinstance(value, str) for value in values) and len(values):
        return "BYTES"
    raise CannotCompile(f"column {name!r} of the input example holds {dtype}: numbers, booleans or texts were expected")


def _matrix(width: int, datatype: str, columns: tuple[str, ...] | None) -> Signature:
    return Signature((TensorSpec(FEATURES, datatype, (-1, width)),), (), columns=columns)


def _features_in(estimator: Any) -> int:
    if selects_columns(estimator) or not hasattr(estimator, "n_features_in_"):
        raise CannotCompile(
            f"{_name(estimator)} does not say what its inputs are: log it to MLflow with an input example"
        )
    return int(estimator.n_features_in_)


def _names(estimator: Any) -> tuple[str, ...] | None:
    names = getattr(estimator, "feature_names_in_", None)
    return None if names is None else tuple(str(name) for name in names)


def selects_columns(estimator: Any) -> bool:
    """Whether a step picks its columns by name."""
    if not hasattr(estimator, "feature_names_in_"):
        return False
    parts = [estimator, *estimator.get_params(deep=True).values()]
    return any(type(part).__name__ == "ColumnTransformer" for part in parts)


def outputs_of(estimator: Any, outputs: Tensors) -> tuple[TensorSpec, ...]:
    """Describe what an estimator, or its graph, gave for a batch of rows."""
    classes = classes_of(estimator, outputs)
    specs = []
    for name, array in outputs.items():
        shape = (-1, *array.shape[1:])
        specs.append(TensorSpec(name, datatype_of_output(array), shape, classes=classes.get(name)))
    return tuple(specs)


def classes_of(estimator: Any, outputs: Tensors) -> dict[str, tuple[Any, ...]]:
    """Return the labels in the order of the probabilities' columns, by output."""
    classes = getattr(estimator, "classes_", None)
    if classes is None:
        return {}
    if isinstance(classes, list) or np.asarray(classes).ndim == 2:
        each = [tuple(np.asarray(labels).tolist()) for labels in classes]
        return {f"probability_{i}": labels for i, labels in enumerate(each) if f"probability_{i}" in outputs}
    labels = tuple(np.asarray(classes).tolist())
    if outputs["prediction"].ndim == 2:
        return {name: (0, 1) for name in outputs if name.startswith("probability")}
    return dict.fromkeys(outputs, labels)


def datatype_of_output(array: Array) -> str:
    """Return the datatype in which an output is served: integers are INT64, texts BYTES."""
    kind = array.dtype.kind
    if kind in "OUS":
        return "BYTES"
    if kind == "f":
        return "FP32" if array.dtype == np.float32 else "FP64"
    if kind in "iu":
        return "INT64"
    if kind == "b":
        return "BOOL"
    raise CannotCompile(f"the model predicts {array.dtype}: numbers, booleans or texts were expected")


def _name(estimator: Any) -> str:
    return type(estimator).__name__
