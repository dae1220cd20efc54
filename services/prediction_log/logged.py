"""Payloads of the prediction log, JSON text → tensors, and why one cannot be used."""

from collections.abc import Sequence
from typing import Any

import msgspec

from services.core import columns
from services.core.errors import MalformedRequest, UnfitInput
from services.core.signature import TensorSpec
from services.core.tensors import Tensors, from_json
from services.prediction_log.payload import REDACTED

NOT_ANSWERED = "refused or failed"
NO_INPUTS = "inputs left out, by TRIVET_LOG_PAYLOADS or over TRIVET_LOG_MAX_PAYLOAD_BYTES"
NO_OUTPUTS = "outputs left out, by TRIVET_LOG_PAYLOADS or over TRIVET_LOG_MAX_PAYLOAD_BYTES"
WITHHELD = "inputs redacted"
UNFIT = "inputs that do not fit the signature"
OTHER_OUTPUTS = "outputs of another kind than this version's"
UNREADABLE = "no payload that trivet wrote"


class Unusable(Exception):
    """A logged request that cannot be used. reason: one of the constants here."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


_payload = msgspec.json.Decoder(dict[str, msgspec.Raw])


def inputs(text: str | None, specs: Sequence[TensorSpec]) -> tuple[Tensors, set[str]]:
    """Return the inputs that were logged, and the names of those that are redacted.

    Raises Unusable unless every input is there and has the datatype of its specification.
    """
    found = _decoded(text, NO_INPUTS)
    redacted = {name for name, raw in found.items() if bytes(raw) == b'"%s"' % REDACTED.encode()}
    if found.keys() != {spec.name for spec in specs}:
        raise Unusable(UNFIT)
    return _tensors(found, [spec for spec in specs if spec.name not in redacted], UNFIT), redacted


def outputs(text: str | None, specs: Sequence[TensorSpec]) -> Tensors:
    """Return those outputs that were logged. Raises Unusable when there is none of them, or another datatype."""
    found = _decoded(text, NO_OUTPUTS)
    known = [spec for spec in specs if spec.name in found]
    if not known:
        raise Unusable(OTHER_OUTPUTS)
    return _tensors(found, known, OTHER_OUTPUTS)


def rows_of(tensors: Tensors) -> int:
    """Return how many rows tensors have. Raises Unusable when they differ in that."""
    counts = {len(array) for array in tensors.values()}
    if len(counts) != 1:
        raise Unusable(UNREADABLE)
    return counts.pop()


def _decoded(text: str | None, left_out: str) -> dict[str, msgspec.Raw]:
    if text is None:
        raise Unusable(left_out)
    try:
        return _payload.decode(text)
    except (ValueError, RecursionError) as error:
        raise Unusable(UNREADABLE) from error


def _tensors(found: dict[str, msgspec.Raw], specs: Sequence[TensorSpec], unfit: str) -> Tensors:
    tensors: Tensors = {}
    for spec in specs:
        raw = bytes(found[spec.name])
        try:
            shape = _shape(msgspec.json.decode(raw))
            tensors[spec.name] = from_json(spec.name, spec.datatype, shape, raw)
        except (MalformedRequest, UnfitInput, ValueError, RecursionError) as error:
            raise Unusable(unfit) from error
        if not columns.fits(spec, tensors[spec.name]):
            raise Unusable(unfit)
    return tensors


def _shape(value: Any) -> tuple[int, ...]:
    """Return the shape of nested lists, by the first of each; from_json finds the ragged ones."""
    shape = []
    while isinstance(value, list):
        shape.append(len(value))
        value = value[0] if value else None
    return tuple(shape)
