"""Tensors and feedback as JSON text for the prediction log: redacted, capped, and safe for every database.

NaN and infinity become null, NUL and lone surrogates become U+FFFD: PostgreSQL stores neither in text.
"""

import json
import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson

from services.core.tensors import Array, Tensors

REDACTED = "redacted"
REPLACEMENT = "\ufffd"

# What one element takes at least with its comma ("0.0,", "true,", '"",'), so that what cannot fit is never converted.
_LEAST_BYTES = {"f": 4, "b": 5, "O": 3, "U": 3}
_LEAST_INTEGER_BYTES = 2

# Elements that one C call converts, about 0.2 ms: other threads wait no longer than that for the interpreter.
PIECE_ELEMENTS = 8192

_ESCAPED_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")


class TooLong(Exception):
    """Strings that cannot fit in the cap, noticed before they are converted."""


def tensors_to_json(tensors: Tensors | None, max_bytes: int, redact: frozenset[str]) -> str | None:
    """Return `{"name": nested values}`, or None when there is nothing or it is longer than max_bytes.

    redact: names whose values become "redacted"; their size does not count.
    """
    if tensors is None:
        return None
    named: Mapping[str, Array | str] = tensors
    if redact and not redact.isdisjoint(tensors):
        named = {name: REDACTED if name in redact else array for name, array in tensors.items()}
    least_bytes = elements = 0
    for array in named.values():
        if isinstance(array, np.ndarray):
            elements += array.size
            least_bytes += array.size * _LEAST_BYTES.get(array.dtype.kind, _LEAST_INTEGER_BYTES)
    if least_bytes > max_bytes:
        return None
    try:
        text = _dumps(named, max_bytes) if elements <= PIECE_ELEMENTS else _dumps_in_pieces(named, max_bytes)
    except TooLong:
        return None
    return text.decode() if len(text) <= max_bytes else None


def value_to_json(value: object, max_bytes: int) -> str:
    """Return any JSON value as text. Raises ValueError above max_bytes."""
    text = _dumps(value, max_bytes)
    if len(text) > max_bytes:
        raise ValueError(f"{len(text)} bytes of JSON, where at most {max_bytes} are kept")
    return text.decode()


def clean_text(text: str) -> str:
    """Return text that every database stores: NUL and lone surrogates replaced, surrogate pairs joined."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", REPLACEMENT)


def _dumps(value: object, max_bytes: int) -> bytes:
    def convert(unknown: Any) -> Any:
        return _convert(unknown, max_bytes)

    try:
        text = orjson.dumps(value, default=convert, option=orjson.OPT_SERIALIZE_NUMPY)
    except TypeError as error:
        if isinstance(error.__cause__, TooLong):
            raise error.__cause__ from None
        text = json.dumps(_clean(value), ensure_ascii=False, separators=(",", ":")).encode()
    if b"\\u0000" in text:
        text = _ESCAPED_NUL.sub(rb"\1" + REPLACEMENT.encode(), text)
    return text


def _dumps_in_pieces(named: Mapping[str, Array | str], max_bytes: int) -> bytes:
    fields = []
    for name, array in named.items():
        if isinstance(array, str) or array.ndim == 0:
            value = _dumps(array, max_bytes)
        else:
            rows = max(1, PIECE_ELEMENTS * len(array) // max(1, array.size))
            pieces = (_dumps(array[start : start + rows], max_bytes)[1:-1] for start in range(0, len(array), rows))
            value = b"[" + b",".join(pieces) + b"]"
        fields.append(_dumps(name, max_bytes) + b":" + value)
    return b"{" + b",".join(fields) + b"}"


def _convert(value: Any, max_bytes: int) -> Any:
    """Return what orjson can take in place of what it cannot: strings, and arrays that are not contiguous."""
    if not isinstance(value, np.ndarray):
        raise TypeError(type(value).__name__)
    if value.dtype.kind in "biuf" and value.ndim and not value.flags.c_contiguous:
        return np.ascontiguousarray(value)
    if value.dtype.kind == "O" and sum(map(len, value.ravel())) > max_bytes:
        raise TooLong
    return value.tolist()


def _clean(value: Any) -> Any:
    """Return a value of plain JSON types, slowly; for the rare one that orjson refuses."""
    if isinstance(value, np.ndarray | np.generic):
        plain = value.tolist()
        return _clean(float(plain) if isinstance(plain, np.generic) else plain)
    if isinstance(value, Mapping):
        return {clean_text(str(key)): _clean(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(entry) for entry in value]
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return clean_text(value.decode(errors="replace") if isinstance(value, bytes) else str(value))
