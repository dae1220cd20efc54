"""The Open Inference Protocol's messages, decoded once: bytes → struct → tensors.

Sources: kserve/open-inference-protocol `inference_rest.md`; Triton's binary tensor data extension.
"""

from math import prod
from typing import Annotated

import msgspec

from services.core.errors import MalformedRequest
from services.core.json_body import Taken, decode_json, in_pieces
from services.core.signature import Signature, names
from services.core.tensors import DATATYPES, Tensors, from_bytes, from_json

Size = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Parameters = dict[str, str | int | float | bool]
# Longer than any server runs, and short enough to be a float of seconds.
MAX_TIMEOUT_MICROSECONDS = 10**18


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


class InferRequest(msgspec.Struct, frozen=True):
    """A decoded request: what to run, and how to answer.

    outputs: (name, answer as binary) in the order of the answer. timeout_seconds: the client's own, if any.
    """

    tensors: Tensors
    outputs: tuple[tuple[str, bool], ...]
    id: str | None = None
    timeout_seconds: float | None = None


DATA = b'"data"'

_infer = msgspec.json.Decoder(InferBody)


def decode_infer(body: bytes, json_bytes: int | None, signature: Signature) -> InferRequest:
    """Decode a V2 inference request.

    json_bytes: the header Inference-Header-Content-Length; None when the whole body is JSON.
    Raises MalformedRequest, and UnfitInput for a value beyond its datatype.
    """
    if json_bytes is None:
        return in_pieces(_infer_request, DATA, body, memoryview(b""), signature)
    if json_bytes > len(body):
        raise MalformedRequest(f"Inference-Header-Content-Length says {json_bytes} bytes, and the body has {len(body)}")
    if json_bytes == 0:
        return _raw_tensor(memoryview(body), signature)
    return in_pieces(_infer_request, DATA, body[:json_bytes], memoryview(body)[json_bytes:], signature)


def _infer_request(text: bytes, taken: Taken, tail: memoryview, signature: Signature) -> InferRequest:
    message: InferBody = decode_json(_infer, text, strict=MalformedRequest)
    if not message.inputs:
        raise MalformedRequest(f"inputs is empty; the model takes {names(signature.inputs)}")
    return InferRequest(
        tensors=_tensors(message.inputs, taken, tail),
        outputs=_outputs(message, signature),
        id=message.id,
        timeout_seconds=_timeout_seconds(message.parameters),
    )


def _tensors(inputs: tuple[InferInput, ...], taken: Taken, tail: memoryview) -> Tensors:
    tensors: Tensors = {}
    for tensor in inputs:
        if tensor.name in tensors:
            raise MalformedRequest(f"the input {tensor.name!r} is there twice")
        found, size = bytes(tensor.data), (tensor.parameters or {}).get("binary_data_size")
        raw = taken.pop(found, found)
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
