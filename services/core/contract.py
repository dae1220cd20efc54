"""The messages of the contract, decoded once: bytes → struct → tensors, and back.

Sources: kserve/open-inference-protocol `inference_rest.md`; Triton's binary tensor data extension.
"""

import re
from collections.abc import Callable
from math import prod
from typing import Annotated, Any, Concatenate, ParamSpec, TypeVar

import msgspec
import numpy as np

from services.core.errors import MalformedRequest, UnfitInput
from services.core.long_arrays import LONG_BYTES, take_out
from services.core.signature import Signature, TensorSpec, names
from services.core.tensors import (
    DATATYPES,
    PIECE_BYTES,
    Array,
    Tensors,
    from_bytes,
    from_json,
    matrix_from_json,
    row_from_json,
)

Size = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Parameters = dict[str, str | int | float | bool]
Taken = dict[bytes, bytes]

P = ParamSpec("P")
T = TypeVar("T")


# Longer than any server runs, and short enough to be a float of seconds.
MAX_TIMEOUT_MICROSECONDS = 10**18

_NAMED_ROWS = re.compile(rb"\[[ \t\r\n]*\{")


class InferInput(msgspec.Struct, frozen=True):
    """A tensor of a request; its `data` is absent when it follows the JSON as binary."""

    name: str
    shape: Annotated[tuple[Size, ...], msgspec.Meta(max_length=8)]
    datatype: str
    parameters: Parameters | None = None
    data: msgspec.Raw = msgspec.field(default_factory=msgspec.Raw)


class InferOutput(msgspec.Struct, frozen=True):
    """A requested output."""

    name: str
    parameters: Parameters | None = None


class InferBody(msgspec.Struct, frozen=True):
    """The JSON of a V2 inference request. Some generated clients send null for what they leave out."""

    inputs: tuple[InferInput, ...]
    id: str | None = None
    parameters: Parameters | None = None
    outputs: tuple[InferOutput, ...] | None = None


class PredictBatchBody(msgspec.Struct, frozen=True):
    """`/predict/batch`: rows, as lists or as objects of named columns."""

    inputs: msgspec.Raw


class RowBody(msgspec.Struct, frozen=True):
    """`/predict` with a row as a list of numbers, the hot form."""

    features: list[float | None]


class AnyRowBody(msgspec.Struct, frozen=True):
    """`/predict` in any form."""

    features: msgspec.Raw


class InferRequest(msgspec.Struct, frozen=True):
    """A decoded request: what to run, and how to answer.

    outputs: (name, answer as binary) in the order of the answer. timeout_seconds: the client's own, if any.
    """

    tensors: Tensors
    outputs: tuple[tuple[str, bool], ...]
    id: str | None = None
    timeout_seconds: float | None = None


_infer = msgspec.json.Decoder(InferBody)
_batch = msgspec.json.Decoder(PredictBatchBody)
_row = msgspec.json.Decoder(RowBody)
_any_row = msgspec.json.Decoder(AnyRowBody)
_well_formed = msgspec.json.Decoder(msgspec.Raw)
_column_rows = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])


def decode_infer(body: bytes, json_bytes: int | None, signature: Signature) -> InferRequest:
    """Decode a V2 inference request.

    json_bytes: the header Inference-Header-Content-Length; None when the whole body is JSON.
    Raises MalformedRequest, and UnfitInput for a value beyond its datatype.
    """
    if json_bytes is None:
        return _in_pieces(_infer_request, body, memoryview(b""), signature)
    if json_bytes > len(body):
        raise MalformedRequest(f"Inference-Header-Content-Length says {json_bytes} bytes, and the body has {len(body)}")
    if json_bytes == 0:
        return _raw_tensor(memoryview(body), signature)
    return _in_pieces(_infer_request, body[:json_bytes], memoryview(body)[json_bytes:], signature)


def _infer_request(text: bytes, taken: Taken, tail: memoryview, signature: Signature) -> InferRequest:
    message: InferBody = _decode(_infer, text, strict=MalformedRequest)
    if not message.inputs:
        raise MalformedRequest(f"inputs is empty; the model takes {names(signature.inputs)}")
    return InferRequest(
        tensors=_tensors(message.inputs, taken, tail),
        outputs=_outputs(message, signature),
        id=message.id,
        timeout_seconds=_timeout_seconds(message.parameters),
    )


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
    return _in_pieces(_one_row, body, signature)


def _one_row(text: bytes, taken: Taken, signature: Signature) -> Tensors:
    raw = bytes(_decode(_any_row, text, strict=UnfitInput).features)
    raw, spec = taken.pop(raw, raw), _row_spec(signature)
    if spec is None or raw.startswith(b"{"):
        return _rows(b"[" + raw + b"]", signature, "features")
    try:
        return {spec.name: row_from_json("features", spec.datatype, raw)}
    except MalformedRequest as error:
        raise UnfitInput(error.message) from error


def decode_rows(body: bytes, signature: Signature) -> Tensors:
    """Decode `/predict/batch`: any number of rows; otherwise as decode_row."""
    _row_spec(signature)
    return _in_pieces(_batch_rows, body, signature)


def _batch_rows(text: bytes, taken: Taken, signature: Signature) -> Tensors:
    raw = bytes(_decode(_batch, text, strict=UnfitInput).inputs)
    return _rows(taken.pop(raw, raw), signature, "inputs")


def _in_pieces(decode: Callable[Concatenate[bytes, Taken, P], T], text: bytes, *args: P.args, **kwargs: P.kwargs) -> T:
    """Decode a text, a long one with its long arrays taken out.

    What then fails is explained by the whole text, and an array that nobody asked for is checked with it.
    """
    if len(text) > LONG_BYTES:
        shorter, taken = take_out(text)
        try:
            decoded = decode(shorter, taken, *args, **kwargs)
        except (MalformedRequest, UnfitInput):
            pass
        else:
            if not taken:
                return decoded
    return decode(text, {}, *args, **kwargs)


def _decode(
    decoder: "msgspec.json.Decoder[Any]", body: bytes, strict: type[MalformedRequest] | type[UnfitInput]
) -> Any:
    """Decode JSON; `strict` is what well-formed JSON of another shape raises."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        problem: type[MalformedRequest] | type[UnfitInput] = strict if _is_well_formed(body) else MalformedRequest
        raise problem(f"the body does not fit: {error}") from error
    except (ValueError, RecursionError) as error:
        raise MalformedRequest(
            f"the body is not JSON: {error}" if body else "the body is empty; JSON was expected"
        ) from error


def _is_well_formed(body: bytes) -> bool:
    try:
        _well_formed.decode(body)
    except (ValueError, RecursionError):
        return False
    return True


def _tensors(inputs: tuple[InferInput, ...], taken: Taken, tail: memoryview) -> Tensors:
    tensors: Tensors = {}
    for tensor in inputs:
        if tensor.name in tensors:
            raise MalformedRequest(f"the input {tensor.name!r} is there twice")
        raw, size = bytes(tensor.data), (tensor.parameters or {}).get("binary_data_size")
        raw = taken.pop(raw, raw)
        if size is None:
            if not raw:
                raise MalformedRequest(f"the input {tensor.name!r} has neither data nor binary_data_size")
            tensors[tensor.name] = from_json(tensor.name, tensor.datatype, tensor.shape, raw)
            continue
        if raw:
            raise MalformedRequest(f"the input {tensor.name!r} has both data and binary_data_size")
        if type(size) is not int or not 0 <= size <= len(tail):
            raise MalformedRequest(f"binary_data_size of {tensor.name!r} is {size!r}, and {len(tail)} bytes are left")
        tensors[tensor.name] = from_bytes(tensor.name, tensor.datatype, tensor.shape, tail[:size])
        tail = tail[size:]
    if len(tail):
        raise MalformedRequest(f"{len(tail)} bytes follow the last binary tensor")
    return tensors


def _outputs(message: InferBody, signature: Signature) -> tuple[tuple[str, bool], ...]:
    binary = _flag(message.parameters, "binary_data_output", False)
    if not message.outputs:
        return tuple((spec.name, binary) for spec in signature.outputs)
    known = {spec.name for spec in signature.outputs}
    chosen: dict[str, bool] = {}
    for output in message.outputs:
        if output.name not in known:
            raise MalformedRequest(f"there is no output {output.name!r}; the model gives {names(signature.outputs)}")
        if output.name in chosen:
            raise MalformedRequest(f"the output {output.name!r} is asked for twice")
        chosen[output.name] = _flag(output.parameters, "binary_data", binary)
    return tuple(chosen.items())


def _flag(parameters: Parameters | None, name: str, default: bool) -> bool:
    value = default if parameters is None else parameters.get(name, default)
    if not isinstance(value, bool):
        raise MalformedRequest(f"the parameter {name} is {value!r}; true or false was expected")
    return value


def _timeout_seconds(parameters: Parameters | None) -> float | None:
    timeout = None if parameters is None else parameters.get("timeout")
    if timeout is None:
        return None
    if type(timeout) is not int or timeout <= 0:
        raise MalformedRequest(
            f"the parameter timeout is {timeout!r}; a whole number of microseconds above 0 was expected"
        )
    return min(timeout, MAX_TIMEOUT_MICROSECONDS) / 1e6


def _raw_tensor(body: memoryview, signature: Signature) -> InferRequest:
    """Decode a body that is one tensor and nothing else; every output is then answered as binary."""
    if len(signature.inputs) != 1 or sum(size < 0 for size in signature.inputs[0].shape) > 1:
        raise MalformedRequest("a raw binary request needs a model of one input with at most one variable dimension")
    spec = signature.inputs[0]
    fixed = prod(size for size in spec.shape if size > 0)
    if spec.datatype == "BYTES":
        raise MalformedRequest("a raw binary request needs an input of fixed-size values; send BYTES with a JSON part")
    count = len(body) // (DATATYPES[spec.datatype].itemsize * fixed)
    shape = tuple(count if size < 0 else size for size in spec.shape)
    tensor = from_bytes(spec.name, spec.datatype, shape, body)
    return InferRequest({spec.name: tensor}, tuple((output.name, True) for output in signature.outputs))


def _row_spec(signature: Signature) -> TensorSpec | None:
    """Return the matrix input, or None for a model over named columns."""
    if signature.batched and signature.is_matrix:
        return signature.inputs[0]
    if not signature.batched or any(spec.shape[1:] != (1,) for spec in signature.inputs):
        raise UnfitInput("/predict takes rows of numbers or named columns, and this model takes other tensors: use /v2")
    return None


def _rows(raw: bytes, signature: Signature, field: str) -> Tensors:
    try:
        spec = _row_spec(signature)
        if _NAMED_ROWS.match(raw):
            return _named_rows(raw, signature)
        if spec is None:
            raise UnfitInput(f"{field} must name its columns; the model takes {names(signature.inputs)}")
        return {spec.name: matrix_from_json(field, spec.datatype, raw)}
    except MalformedRequest as error:
        raise UnfitInput(error.message) from error


def _named_rows(raw: bytes, signature: Signature) -> Tensors:
    rows: list[dict[str, msgspec.Raw]] = _decode(_column_rows, raw, strict=UnfitInput)
    spec = _row_spec(signature)
    columns = tuple(spec.name for spec in signature.inputs)
    if spec is not None:
        columns = signature.columns or columns[: spec.shape[1]]
        if len(columns) != spec.shape[1]:
            raise UnfitInput(f"the columns of this model have no names; {spec.shape[1]} numbers were expected")
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
