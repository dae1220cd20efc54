"""A compiled model's reference from tables: CSV or Parquet files of rows that are like those it was fitted to."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from services.core import columns
from services.core import reference as core_reference
from services.core.columns import Column
from services.core.errors import TrivetError
from services.core.reference import Reference
from services.core.runtime import Runtime
from services.core.signature import Signature, TensorSpec
from services.core.tensors import DATATYPES, Array, Tensors

REFERENCE, HELD_OUT = "reference", "held_out"
SUFFIXES = (".csv", ".parquet")
# Rows of one run of the model.
BATCH_ROWS = 256

_BOOLEANS = {"true": True, "false": False, "1": True, "0": False, "1.0": True, "0.0": False}


class BadTable(TrivetError):
    """A file that is no table, or one that does not fit the model, and what was expected."""


def build(signature: Signature, runtime: Runtime, reference: Path | None, held_out: Path | None) -> Reference | None:
    """Return the reference of a model; None without files.

    reference: rows for the features. held_out: rows that the model was not fitted to, for its scores: of its own rows a
    model is surer than of any others. Without one of them, the features come from the other, and scores from none.
    Raises TrivetError when a file does not fit the model.
    """
    rows = reference or held_out
    if rows is None:
        return None
    if not signature.batched:
        raise TrivetError("the model takes one request at a time, so it has no columns: leave the reference out")
    features = core_reference.summarise(columns.features(signature), _features(rows, signature))
    scores = {}
    if held_out is not None:
        answers = _answers(held_out, signature, runtime)
        scores = core_reference.summarise(columns.scores(signature), answers)
    return Reference(features, scores)


def of_folder(folder: Path | None) -> Reference | None:
    """Return the reference of a model that was compiled before; None where there is none. Raises TrivetError."""
    return None if folder is None else core_reference.read(folder)


def _features(path: Path, signature: Signature) -> Tensors:
    """Return the inputs in a table, missing values included, whatever the signature says of them."""
    named = read(path, signature)
    tensors: Tensors = {}
    for spec in signature.inputs:
        mine = [named[column.name] for column in columns.features(signature) if column.tensor == spec.name]
        if mine:
            tensors[spec.name] = np.stack(mine, axis=1) if len(spec.shape) == 2 else mine[0]
    if not tensors:
        raise TrivetError("the model has no columns, only tensors of other shapes: leave the reference out")
    return tensors


def _answers(path: Path, signature: Signature, runtime: Runtime) -> Tensors:
    tensors: Tensors = {}
    found = _features(path, signature)
    for spec in signature.inputs:
        if spec.name not in found:
            raise BadTable(f"{path}: the input {spec.name!r} is no column, so no table holds what the model takes")
        tensors[spec.name] = _cast(path, spec, found[spec.name])
    try:
        rows = signature.check(tensors)
        answered = [
            runtime.predict({name: array[start : start + BATCH_ROWS] for name, array in tensors.items()})
            for start in range(0, rows, BATCH_ROWS)
        ]
    except Exception as error:  # whatever a runtime raises
        raise BadTable(f"{path}: the model does not answer these rows: {error}") from error
    return {name: np.concatenate([part[name] for part in answered]) for name in answered[0]}


def read(path: Path, signature: Signature) -> dict[str, Array]:
    """Return a table's columns by the names of the model's: float64 or objects; NaN or None where one is missing.

    Columns that the model does not know, such as the target, are left out. Raises BadTable.
    """
    wanted = columns.features(signature)
    frame = _frame(path, [column.name for column in wanted if _spec(signature, column).datatype == "BYTES"])
    if not len(frame):
        raise BadTable(f"{path}: the table has no rows")
    names = [str(name) for name in frame.columns]
    by_place = signature.is_matrix and signature.columns is None and len(names) == len(wanted)
    found = {}
    for place, column in enumerate(wanted):
        if not by_place and names.count(column.name) != 1:
            raise BadTable(f"{path}: there is no column {column.name!r} in it, or twice; there are {_listed(names)}")
        series = frame.iloc[:, place if by_place else names.index(column.name)]
        found[column.name] = _values(path, column, _spec(signature, column), series)
    return found


def _frame(path: Path, texts: Sequence[str]) -> Any:
    import pandas as pd

    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        if path.suffix == ".csv":
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of mixed types, which are looked at below
                return pd.read_csv(path, dtype=dict.fromkeys(texts, str), skipinitialspace=True)
    except ImportError as error:
        raise BadTable(f"{path}: Parquet needs pyarrow, which the extra trivet[registry] installs") from error
    except Exception as error:  # pandas and pyarrow raise whatever their parsers do
        raise BadTable(f"{path} cannot be read as a table: {str(error).partition(chr(10))[0]}") from error
    raise BadTable(f"{path} is no table that is known: a file that ends in {' or '.join(SUFFIXES)} was expected")


def _values(path: Path, column: Column, spec: TensorSpec, series: Any) -> Array:
    missing = series.isna().to_numpy()
    if column.kind == "numbers":
        try:
            return np.asarray(series.astype("float64").to_numpy(), dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise BadTable(f"{path}: the column {column.name!r} holds something that is no number: {error}") from error
    values = np.full(len(series), None, dtype=object)
    for row, value in enumerate(series.tolist()):
        if missing[row]:
            continue
        values[row] = str(value) if spec.datatype == "BYTES" else _BOOLEANS.get(str(value).lower())
        if values[row] is None:
            raise BadTable(f"{path}: the column {column.name!r} holds {value!r}; true or false was expected")
    return values


def _cast(path: Path, spec: TensorSpec, values: Array) -> Array:
    """Return values in the datatype of an input. Raises BadTable when one is lost."""
    dtype = DATATYPES[spec.datatype]
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            return values.astype(dtype)
    lost = any(value is None for value in values.ravel()) if dtype.kind in "Ob" else None
    if lost is None:
        with np.errstate(invalid="ignore"):
            lost = not bool((values.astype(dtype) == values).all())
    if lost:
        raise BadTable(f"{path}: {spec.name!r} is not {spec.datatype} throughout: a value is missing, or does not fit")
    return values.astype(dtype)


def _spec(signature: Signature, column: Column) -> TensorSpec:
    return next(spec for spec in signature.inputs if spec.name == column.tensor)


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(map(repr, names[:8]))
    return shown if len(names) <= 8 else f"{shown} and {len(names) - 8} more"
