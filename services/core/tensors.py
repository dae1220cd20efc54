"""Open Inference Protocol datatypes, and tensors from and to JSON values and raw bytes.

Source: kserve/open-inference-protocol, "Tensor Data Types", and the binary tensor data extension.
A tensor is a numpy array; BYTES is an object array of str.
"""

import re
import struct
from functools import cache
from math import prod
from typing import Any

import msgspec
import numpy as np
import orjson

from services.core.errors import MalformedRequest, UnfitInput
from services.core.json_pieces import PIECE_BYTES, Json, pieces

Array = np.ndarray[Any, np.dtype[Any]]
Tensors = dict[str, Array]

DATATYPES: dict[str, np.dtype[Any]] = {
    "BOOL": np.dtype(np.bool_),
    "UINT8": np.dtype(np.uint8),
    "UINT16": np.dtype(np.uint16),
    "UINT32": np.dtype(np.uint32),
    "UINT64": np.dtype(np.uint64),
    "INT8": np.dtype(np.int8),
    "INT16": np.dtype(np.int16),
    "INT32": np.dtype(np.int32),
    "INT64": np.dtype(np.int64),
    "FP16": np.dtype(np.float16),
    "FP32": np.dtype(np.float32),
    "FP64": np.dtype(np.float64),
    "BYTES": np.dtype(object),
}
DATATYPE_OF: dict[np.dtype[Any], str] = {dtype: name for name, dtype in DATATYPES.items()}

# The arrays of so many pieces, half a megabyte of numbers, are joined in less than 0.1 ms.
FEW_PIECES = 64

# Up to here every whole number has a float64 of its own.
MAX_WHOLE_FLOAT = 2**53 - 1

_OPENING = re.compile(rb"[\[ \t\r\n]*")
_LENGTH = struct.Struct("<I")


def datatype_of(array: Array) -> str:
    """Return the protocol's name for an array's type; strings of any width are BYTES."""
    return "BYTES" if array.dtype.kind in "OUS" else DATATYPE_OF[array.dtype]


def size_of(tensors: Tensors) -> int:
    """Return the bytes of all tensors; those of strings count their references only."""
    size = 0
    for array in tensors.values():
        size += array.nbytes
    return size


def from_json(name: str, datatype: str, shape: tuple[int, ...], raw: Json) -> Array:
    """Decode the JSON array of a tensor, flat or nested in its shape.

    Raises MalformedRequest when the values are of another type, or do not fill the shape; UnfitInput when a number
    does not fit the datatype.
    """
    if datatype not in DATATYPES:
        raise MalformedRequest(f"the input {name!r} has the datatype {datatype!r}; known are {', '.join(DATATYPES)}")
    depth = _depth(raw)
    if depth not in (1, len(shape)):
        raise MalformedRequest(f"the data of {name!r} must be a flat array, or nested like its shape {list(shape)}")
    array = _decode(name, datatype, raw, depth)
    if array.size != prod(shape) or (depth > 1 and array.shape != shape):
        raise MalformedRequest(
            f"the data of {name!r} has the shape {list(array.shape)}, and its shape says {list(shape)}"
        )
    return _shaped(name, array, shape)


def row_from_json(name: str, datatype: str, raw: Json) -> Array:
    """Decode a JSON array of values as a matrix of one row; otherwise as from_json."""
    if _depth(raw) != 1:
        raise MalformedRequest(f"{name} must be an array of values")
    return _decode(name, datatype, raw, 1)[np.newaxis]


def matrix_from_json(name: str, datatype: str, raw: Json) -> Array:
    """Decode a JSON array of rows, as many as there are; otherwise as from_json."""
    array = _decode(name, datatype, raw, 2) if _depth(raw) == 2 else np.empty(0)
    if array.ndim != 2:
        raise MalformedRequest(f"{name} must be an array of rows of equal length")
    return array


def to_json(array: Array) -> bytes:
    """Encode a tensor as a JSON array nested in its shape; floats as the shortest decimals of their own type."""
    if array.nbytes <= PIECE_BYTES or len(array) == 1:
        if array.dtype.kind == "O":
            return orjson.dumps(array.tolist())
        return orjson.dumps(np.ascontiguousarray(array), option=orjson.OPT_SERIALIZE_NUMPY)
    rows = max(1, PIECE_BYTES * len(array) // array.nbytes)
    parts = [to_json(array[start : start + rows])[1:-1] for start in range(0, len(array), rows)]
    return b"[" + b",".join(parts) + b"]"


def from_bytes(name: str, datatype: str, shape: tuple[int, ...], raw: memoryview) -> Array:
    """Decode a tensor of the binary extension: little-endian, row-major; BYTES elements follow their 4-byte lengths.

    Raises MalformedRequest when the sizes do not add up.
    """
    if datatype not in DATATYPES:
        raise MalformedRequest(f"the input {name!r} has the datatype {datatype!r}; known are {', '.join(DATATYPES)}")
    if datatype == "BYTES":
        elements = _split_bytes(name, raw)
        _check_count(name, len(elements), shape)
        array = np.empty(len(elements), dtype=object)
        array[:] = elements
        return _shaped(name, array, shape)
    dtype = DATATYPES[datatype]
    if len(raw) % dtype.itemsize:
        raise MalformedRequest(
            f"the binary data of {name!r} has {len(raw)} bytes, which are no whole {datatype} values"
        )
    _check_count(name, len(raw) // dtype.itemsize, shape)
    if datatype == "BOOL" and np.frombuffer(raw, dtype=np.uint8).max(initial=0) > 1:
        raise MalformedRequest(f"the binary data of {name!r} holds a byte other than 0 and 1, and its datatype is BOOL")
    return _shaped(name, np.frombuffer(raw, dtype=dtype.newbyteorder("<")), shape)


def to_bytes(array: Array) -> bytes:
    """Encode a tensor for the binary extension."""
    if array.dtype.kind != "O":
        return np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
    encoded = [str(element).encode() for element in array.ravel()]
    return b"".join(part for element in encoded for part in (_LENGTH.pack(len(element)), element))


def _depth(raw: Json) -> int:
    opening = _OPENING.match(raw)
    return opening.group().count(b"[") if opening else 0


@cache
def _decoder(kind: str, depth: int) -> "msgspec.json.Decoder[Any]":
    element: Any = {"f": float | None, "b": bool, "O": str}.get(kind, int)
    for _ in range(depth):
        element = list[element]
    return msgspec.json.Decoder(element)


def _decode(name: str, datatype: str, raw: Json, depth: int) -> Array:
    dtype = DATATYPES[datatype]
    decoder = _decoder(dtype.kind, depth)
    try:
        if len(raw) <= PIECE_BYTES or depth > 2:
            return _array(decoder.decode(raw), dtype)
        closer = b"]" if depth == 2 else b'"' if dtype.kind == "O" else b""
        return join([_array(decoder.decode(piece), dtype) for piece in pieces(raw, closer)])
    except msgspec.ValidationError as error:
        if dtype.kind in "iu" and "got `float`" in str(error):
            return _whole_numbers(name, datatype, raw, depth)
        raise MalformedRequest(f"the data of {name!r} does not fit {datatype}: {error}") from error
    except OverflowError as error:
        raise UnfitInput(f"the input {name!r} holds a number beyond the range of {datatype}") from error
    except ValueError as error:  # a ragged array, and every other error of decoding
        raise MalformedRequest(f"the data of {name!r} is not a whole array of {datatype}: {error}") from error


def _array(values: list[Any], dtype: np.dtype[Any]) -> Array:
    if dtype.kind != "f" or dtype.itemsize == 8:
        return np.array(values, dtype=dtype)
    wide = np.array(values, dtype=np.float64)
    with np.errstate(over="ignore"):
        narrow = wide.astype(dtype)
    if np.isinf(narrow).any():
        raise OverflowError
    return narrow


def join(parts: list[Array]) -> Array:
    """Join arrays as np.concatenate does, which keeps the interpreter to itself: many of them one by one."""
    rest = parts[0].shape[1:]
    if len(parts) <= FEW_PIECES or any(part.shape[1:] != rest for part in parts):
        return np.concatenate(parts)
    whole = np.empty((sum(map(len, parts)), *rest), parts[0].dtype)
    at = 0
    for part in parts:
        whole[at : at + len(part)] = part
        at += len(part)
    return whole


def _whole_numbers(name: str, datatype: str, raw: Json, depth: int) -> Array:
    """Accept 3.0 where an integer is expected: some generated clients send every number as a float."""
    wide = _decode(name, "FP64", raw, depth)
    limits = np.iinfo(DATATYPES[datatype])
    if not np.array_equal(wide, np.trunc(wide)):
        raise MalformedRequest(f"the data of {name!r} does not fit {datatype}: every value must be a whole number")
    lowest, highest = max(limits.min, -MAX_WHOLE_FLOAT), min(limits.max, MAX_WHOLE_FLOAT)
    if wide.min(initial=0) < lowest or wide.max(initial=0) > highest:
        raise UnfitInput(f"the input {name!r} holds a number beyond the range of {datatype}")
    return wide.astype(DATATYPES[datatype])


def _split_bytes(name: str, raw: memoryview) -> list[str]:
    elements, position = [], 0
    while position < len(raw):
        if position + _LENGTH.size > len(raw):
            raise MalformedRequest(f"the binary data of {name!r} ends within the length of an element")
        (length,) = _LENGTH.unpack_from(raw, position)
        position += _LENGTH.size
        if position + length > len(raw):
            raise MalformedRequest(f"the binary data of {name!r} ends within an element of {length} bytes")
        try:
            elements.append(str(raw[position : position + length], "utf-8"))
        except UnicodeDecodeError as error:
            raise MalformedRequest(f"the binary data of {name!r} holds an element that is not UTF-8") from error
        position += length
    return elements


def _shaped(name: str, array: Array, shape: tuple[int, ...]) -> Array:
    try:
        return array.reshape(shape)
    except ValueError as error:  # it is empty, and numpy holds no other axes of this size
        raise MalformedRequest(f"the shape of {name!r} is {list(shape)}, which no tensor has") from error


def _check_count(name: str, count: int, shape: tuple[int, ...]) -> None:
    if count != prod(shape):
        raise MalformedRequest(f"the binary data of {name!r} holds {count} values, and its shape says {prod(shape)}")
