"""Tensors as the V2 document has them: their sizes, their bytes, and what an answer holds."""

import math
import struct
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from services.client.datatypes import DATATYPES, NUMPY
from services.client.inputs import flat
from services.conformance.check import Failed
from services.conformance.http import Reply

LENGTH = "inference-header-content-length"
# Batches differ in the last digits of float32.
RELATIVE, ABSOLUTE = 1e-4, 1e-6


class Output(NamedTuple):
    """One tensor of an answer, its data flat."""

    datatype: str
    shape: list[int]
    data: list[Any]

    def rows(self, at: Sequence[int]) -> list[Any]:
        """Return the data of some rows, the first axis being the batch."""
        size = len(self.data) // self.shape[0] if self.shape and self.shape[0] else 0
        return [value for row in at for value in self.data[row * size : (row + 1) * size]]


def encode(datatype: str, data: Sequence[Any]) -> bytes:
    """Return a tensor's bytes: little-endian, row by row; a string is its length in four bytes, then its bytes."""
    if datatype != "BYTES":
        return np.array(data, dtype=NUMPY[datatype]).tobytes()
    texts = [str(value).encode() for value in data]
    return b"".join(struct.pack("<I", len(text)) + text for text in texts)


def decode(datatype: str, content: bytes) -> list[Any]:
    """Return the values of a tensor's bytes. Raises ValueError."""
    if datatype != "BYTES":
        return list(np.frombuffer(content, dtype=NUMPY[datatype]).tolist())
    texts, at = [], 0
    while at < len(content):
        (size,) = struct.unpack_from("<I", content, at)
        texts.append(content[at + 4 : at + 4 + size].decode())
        at += 4 + size
    if at != len(content):
        raise ValueError("the last string is cut off")
    return texts


def outputs_of(reply: Reply) -> dict[str, Output]:
    """Return an answer's outputs by name, JSON or binary. Raises Failed unless each is as the document says."""
    text, tail = _parts(reply)
    listed = json_object(text, reply).get("outputs")
    if not isinstance(listed, list) or not all(isinstance(output, dict) for output in listed):
        raise Failed("`outputs`, a list of objects", reply)
    found = {}
    for output in listed:
        name, (tensor, tail) = output.get("name"), _output(output, tail, reply)
        if not isinstance(name, str) or name in found:
            raise Failed("outputs with a name each", reply)
        found[name] = tensor
    if tail:
        raise Failed("binary_data_size of all outputs to add up to the bytes after the JSON part", reply)
    return found


def json_object(text: bytes, reply: Reply) -> dict[str, Any]:
    """Return the JSON part of an answer."""
    return reply._replace(body=text).object()


def is_binary(reply: Reply) -> set[str]:
    """Return the names of the outputs that came as bytes."""
    listed = json_object(_parts(reply)[0], reply).get("outputs", [])
    return {output.get("name") for output in listed if "data" not in output}


def alike(first: Sequence[Any], second: Sequence[Any]) -> bool:
    """Whether values are the same; floats may differ in their last digits."""
    return len(first) == len(second) and all(map(_alike, first, second))


def _alike(first: Any, second: Any) -> bool:
    if isinstance(first, float) and isinstance(second, int | float):
        return math.isclose(first, second, rel_tol=RELATIVE, abs_tol=ABSOLUTE) or (
            math.isnan(first) and math.isnan(second)
        )
    return bool(first == second)


def _parts(reply: Reply) -> tuple[bytes, bytes]:
    """Return the JSON part and the bytes after it."""
    length = reply.headers.get(LENGTH)
    if length is None:
        return reply.body, b""
    if not length.isdigit() or int(length) > len(reply.body):
        raise Failed("Inference-Header-Content-Length to be the size of the JSON part", reply)
    return reply.body[: int(length)], reply.body[int(length) :]


def _output(output: dict[str, Any], tail: bytes, reply: Reply) -> tuple[Output, bytes]:
    """Return one output, and the bytes that are left for the next ones."""
    datatype, shape, data = output.get("datatype"), output.get("shape"), output.get("data")
    if datatype not in DATATYPES:
        raise Failed("a datatype of the document's table", reply)
    if not isinstance(shape, list) or not all(type(size) is int and size >= 0 for size in shape):
        raise Failed("a shape of whole numbers", reply)
    if "data" not in output:
        data, tail = _binary(output, str(datatype), tail, reply)
    elif not isinstance(data, list):
        raise Failed("data as an array", reply)
    values = flat(data)
    if len(values) != math.prod(shape):
        raise Failed("data that fills its shape", reply)
    return Output(str(datatype), shape, values), tail


def _binary(output: dict[str, Any], datatype: str, tail: bytes, reply: Reply) -> tuple[list[Any], bytes]:
    size = (output.get("parameters") or {}).get("binary_data_size")
    if type(size) is not int or not 0 <= size <= len(tail):
        raise Failed("`data`, or a binary_data_size within the body", reply)
    try:
        return decode(datatype, tail[:size]), tail[size:]
    except (ValueError, struct.error):
        raise Failed(f"the bytes of a {datatype} tensor", reply) from None
