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
_MOST_LEAST_BYTES = 5

# Elements that one C call converts, about 0.2 ms: other threads wait no longer than that for the interpreter.
PIECE_ELEMENTS = 8192

_ESCAPED_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")


class TooLong(Exception):
    """Strings that cannot fit in the cap, noticed before they are converted."""


class Encoder:
    """Makes JSON text of tensors and of feedback.

    max_bytes: of one text; longer ones are left out. redact: inputs whose values become "redacted".
    """

    def __init__(self, max_bytes: int, redact: frozenset[str]) -> None:
        self._max_bytes = max_bytes
        self._redact = redact
        self._max_elements = max_bytes // _MOST_LEAST_BYTES
        self._default = self._convert

    def inputs(self, tensors: Tensors | None) -> str | None:
        """Return `{"name": nested values}`, or None when there is nothing or it is too long."""
        if tensors is None or not self._redact or self._redact.isdisjoint(tensors):
            return self.outputs(tensors)
        kept = {name: array for name, array in tensors.items() if name not in self._redact}
        return self._encode({name: kept.get(name, REDACTED) for name in tensors}, kept)

    def outputs(self, tensors: Tensors | None) -> str | None:
        """Return the same as `inputs`, nothing redacted."""
        return None if tensors is None else self._encode(tensors, tensors)

    def value(self, value: object) -> str:
        """Return any JSON value as text. Raises ValueError when it is too long."""
        text = self._dumps(value)
        if len(text) > self._max_bytes:
            raise ValueError(f"{len(text)} bytes of JSON, where at most {self._max_bytes} are kept")
        return text.decode()

    def _encode(self, named: Mapping[str, Array | str], arrays: Tensors) -> str | None:
        elements = 0
        for array in arrays.values():
            elements += array.size
        if elements > self._max_elements and _least_bytes(arrays) > self._max_bytes:
            return None
        try:
            text = self._dumps(named) if elements <= PIECE_ELEMENTS else self._dumps_in_pieces(named)
        except TooLong:
            return None
        return text.decode() if len(text) <= self._max_bytes else None

    def _dumps(self, value: object) -> bytes:
        try:
            text = orjson.dumps(value, self._default, orjson.OPT_SERIALIZE_NUMPY)
        except TypeError as error:
            if isinstance(error.__cause__, TooLong):
                raise error.__cause__ from None
            text = json.dumps(_clean(value), ensure_ascii=False, separators=(",", ":")).encode()
        if b"\\u0000" in text:
            text = _ESCAPED_NUL.sub(rb"\1" + REPLACEMENT.encode(), text)
        return text

    def _dumps_in_pieces(self, named: Mapping[str, Array | str]) -> bytes:
        fields = []
        for name, array in named.items():
            if isinstance(array, str) or array.ndim == 0:
                value = self._dumps(array)
            else:
                rows = max(1, PIECE_ELEMENTS * len(array) // max(1, array.size))
                pieces = (self._dumps(array[start : start + rows])[1:-1] for start in range(0, len(array), rows))
                value = b"[" + b",".join(pieces) + b"]"
            fields.append(self._dumps(name) + b":" + value)
        return b"{" + b",".join(fields) + b"}"

    def _convert(self, value: Any) -> Any:
        """Return what orjson can take in place of what it cannot: strings, and arrays that are not contiguous."""
        if not isinstance(value, np.ndarray):
            raise TypeError(type(value).__name__)
        if value.dtype.kind in "biuf" and value.ndim and not value.flags.c_contiguous:
            return np.ascontiguousarray(value)
        if value.dtype.kind == "O" and sum(map(len, value.ravel())) > self._max_bytes:
            raise TooLong
        return value.tolist()


def clean_text(text: str) -> str:
    """Return text that every database stores: NUL and lone surrogates replaced, surrogate pairs joined."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", REPLACEMENT)


def _least_bytes(arrays: Tensors) -> int:
    return sum(array.size * _LEAST_BYTES.get(array.dtype.kind, _LEAST_INTEGER_BYTES) for array in arrays.values())


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
