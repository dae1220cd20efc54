"""Tensors and feedback as JSON text for the prediction log: redacted, capped, and safe for every database.

NaN and infinity become null, NUL and lone surrogates become U+FFFD: PostgreSQL stores neither in text.
"""

import json
import re
from collections.abc import Iterator, Mapping
from math import isfinite, prod
from typing import Any

import numpy as np
import orjson

from services.core.tensors import Array, Tensors

REDACTED = "redacted"
REPLACEMENT = "\ufffd"

# What one element takes at least with its comma ("0.0,", "true,", '"",'), so that most of what cannot fit is never
# converted. Each list takes two more for its brackets.
_LEAST_BYTES = {"f": 4, "b": 5, "O": 3, "U": 3}
_LEAST_INTEGER_BYTES = 2
_MOST_LEAST_BYTES = 5

# Elements that one C call converts, about 0.02 ms: other threads wait no longer for the interpreter, and no more is
# converted of what turns out not to fit.
PIECE_ELEMENTS = 512

_ESCAPED_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")


class TooLong(Exception):
    """What cannot fit in the cap, noticed before all of it is converted."""


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
        fields, size = [], 0
        for name, array in named.items():
            pieces = [self._dumps(name), b":"]
            for piece in self._pieces(array):
                pieces.append(piece)
                size += len(piece)
                if size > self._max_bytes:
                    raise TooLong
            fields.append(b"".join(pieces))
        return b"{" + b",".join(fields) + b"}"

    def _pieces(self, array: Array | str) -> Iterator[bytes]:
        """Yield the text of an array: of several rows at a time, or of a part of one where rows are long."""
        if isinstance(array, str) or array.size <= PIECE_ELEMENTS:
            yield self._dumps(array)
            return
        rows = PIECE_ELEMENTS * len(array) // array.size
        for start in range(0, len(array), rows or 1):
            yield b"," if start else b"["
            if rows:
                yield self._dumps(array[start : start + rows])[1:-1]
            else:
                yield from self._pieces(array[start])
        yield b"]"

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
    least = 0
    for array in arrays.values():
        lists = sum(prod(array.shape[:depth]) for depth in range(array.ndim))
        least += array.size * _LEAST_BYTES.get(array.dtype.kind, _LEAST_INTEGER_BYTES) + 2 * lists - 1
    return least


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
        return float(value) if isfinite(value) else None
    return clean_text(value.decode(errors="replace") if isinstance(value, bytes) else str(value))
