"""The bodies of `/predict` and `/predict/batch`: rows, as lists or as objects of named columns → tensors."""

import re

import msgspec
import numpy as np

from services.core.errors import MalformedRequest, UnfitInput
from services.core.json_body import Taken, decode_json, in_pieces
from services.core.json_pieces import PIECE_BYTES, Json, pieces
from services.core.signature import Signature, TensorSpec, names
from services.core.tensors import Array, Tensors, from_json, join, matrix_from_json, row_from_json

_NAMED_ROWS = re.compile(rb"\[[ \t\r\n]*\{")


class PredictBatchBody(msgspec.Struct, frozen=True):
    """`/predict/batch`: rows, as lists or as objects of named columns."""

    inputs: msgspec.Raw


class RowBody(msgspec.Struct, frozen=True):
    """`/predict` with a row as a list of numbers, the hot form."""

    features: list[float | None]


class AnyRowBody(msgspec.Struct, frozen=True):
    """`/predict` in any form."""

    features: msgspec.Raw


FEATURES, INPUTS = b'"features"', b'"inputs"'

_batch = msgspec.json.Decoder(PredictBatchBody)
_row = msgspec.json.Decoder(RowBody)
_any_row = msgspec.json.Decoder(AnyRowBody)
_column_rows = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])


def decode_row(body: bytes, signature: Signature) -> Tensors:
    """Decode `/predict`: one row, as a list of numbers or as an object of named columns.

    Raises MalformedRequest for broken JSON and UnfitInput for values that do not fit the model.
    """
    spec = _row_spec(signature)
    if spec is not None and spec.datatype == "FP64" and len(body) <= PIECE_BYTES:
        try:
            features = _row.decode(body).features
        except (ValueError, RecursionError):
            pass  # another form, or an error that the general way explains
        else:
            return {spec.name: np.array((features,), dtype=np.float64)}
    return in_pieces(_one_row, FEATURES, body, signature)


def _one_row(text: bytes, taken: Taken, signature: Signature) -> Tensors:
    found = bytes(decode_json(_any_row, text, strict=UnfitInput).features)
    raw, spec = taken.pop(found, found), _row_spec(signature)
    if spec is None or raw.startswith(b"{"):
        return _rows(b"[" + raw + b"]", signature, "features")
    try:
        return {spec.name: row_from_json("features", spec.datatype, raw)}
    except MalformedRequest as error:
        raise UnfitInput(error.message) from error


def decode_rows(body: bytes, signature: Signature) -> Tensors:
    """Decode `/predict/batch`: any number of rows; otherwise as decode_row."""
    _row_spec(signature)
    return in_pieces(_batch_rows, INPUTS, body, signature)


def _batch_rows(text: bytes, taken: Taken, signature: Signature) -> Tensors:
    raw = bytes(decode_json(_batch, text, strict=UnfitInput).inputs)
    return _rows(taken.pop(raw, raw), signature, "inputs")


def _row_spec(signature: Signature) -> TensorSpec | None:
    """Return the matrix input, or None for a model over named columns."""
    if signature.batched and signature.is_matrix:
        return signature.inputs[0]
    if not signature.batched or any(spec.shape[1:] != (1,) for spec in signature.inputs):
        raise UnfitInput("/predict takes rows of numbers or named columns, and this model takes other tensors: use /v2")
    return None


def _rows(raw: Json, signature: Signature, field: str) -> Tensors:
    try:
        spec = _row_spec(signature)
        if _NAMED_ROWS.match(raw):
            return _named_rows(raw, signature)
        if spec is None:
            raise UnfitInput(f"{field} must name its columns; the model takes {names(signature.inputs)}")
        return {spec.name: matrix_from_json(field, spec.datatype, raw)}
    except MalformedRequest as error:
        raise UnfitInput(error.message) from error


def _named_rows(raw: Json, signature: Signature) -> Tensors:
    spec, columns = _row_spec(signature), tuple(spec.name for spec in signature.inputs)
    if spec is not None:
        columns = signature.columns or columns[: spec.shape[1]]
        if len(columns) != spec.shape[1]:
            raise UnfitInput(f"the columns of this model have no names; {spec.shape[1]} numbers were expected")
    try:
        parts = [_columns(piece, signature, spec, columns) for piece in pieces(raw, b"}")]
    except (MalformedRequest, ValueError):
        parts = [_columns(raw, signature, spec, columns)]
    return {name: join([part[name] for part in parts]) for name in parts[0]}


def _columns(raw: Json, signature: Signature, spec: TensorSpec | None, columns: tuple[str, ...]) -> Tensors:
    """Decode rows of named columns: the matrix of a spec, or one tensor for each column."""
    rows: list[dict[str, msgspec.Raw]] = decode_json(_column_rows, raw, strict=UnfitInput)
    for row in rows:
        if row.keys() != set(columns):
            wrong = sorted(row.keys() ^ set(columns))[0]
            raise UnfitInput(
                f"the column {wrong!r} is {'unknown' if wrong in row else 'missing'}; expected are {columns}"
            )
    if spec is not None:
        cells = _cells(spec, [row[column] for row in rows for column in columns])
        return {spec.name: cells.reshape(len(rows), len(columns))}
    return {spec.name: _cells(spec, [row[spec.name] for row in rows])[:, None] for spec in signature.inputs}


def _cells(spec: TensorSpec, values: list[msgspec.Raw]) -> Array:
    return from_json(spec.name, spec.datatype, (len(values),), b"[" + b",".join(map(bytes, values)) + b"]")
