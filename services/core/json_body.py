"""A JSON body and what is wrong with it, whatever its message is."""

from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

import msgspec

from services.core.errors import MalformedRequest, UnfitInput
from services.core.json_pieces import Json
from services.core.long_arrays import LONG_BYTES, take_out

# Long arrays that were taken out of a text, by the strings in their places.
Taken = dict[bytes, bytearray]

P = ParamSpec("P")
T = TypeVar("T")

_well_formed = msgspec.json.Decoder(msgspec.Raw)


def in_pieces(
    decode: Callable[Concatenate[bytes, Taken, P], T], key: bytes, text: bytes, *args: P.args, **kwargs: P.kwargs
) -> T:
    """Decode a text, a long one with the long arrays of a key taken out.

    key: with its quotes. What then fails is explained by the whole text, and an array that nobody asked for is checked
    with it.
    """
    if len(text) > LONG_BYTES:
        shorter, taken = take_out(text, key)
        try:
            decoded = decode(shorter, taken, *args, **kwargs)
        except (MalformedRequest, UnfitInput):
            pass
        else:
            if not taken:
                return decoded
    return decode(text, {}, *args, **kwargs)


def decode_json(
    decoder: "msgspec.json.Decoder[Any]", body: Json, strict: type[MalformedRequest] | type[UnfitInput]
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


def _is_well_formed(body: Json) -> bool:
    try:
        _well_formed.decode(body)
    except (ValueError, RecursionError):
        return False
    return True
