"""A JSON array in pieces, so that no call to a decoder keeps the interpreter to itself for long.

A piece is cut after an element, at a comma outside of every string. Should a cut be wrong, as it may be in a text that
is no such array, a piece is no JSON either: so an array is what its pieces are, or the decoder refuses one of them.
"""

import re
import time
from collections.abc import Iterator

Json = bytes | bytearray

# One C call decodes this much JSON before another thread may have the interpreter: about 0.2 ms.
PIECE_BYTES = 16 * 1024
# Between two pieces of strings or objects the thread sleeps that long. Without, on two cores, the event loop waited for
# 15 to 35 ms while piece after piece was decoded: probably since the thread lets go of the interpreter over each for so
# short that the loop, woken, comes too late and begins its wait anew. For numbers it waits less than 1 ms anyway.
STEP_ASIDE_SECONDS = 50e-6
STEPS_ASIDE = (b'"', b"}")
# Over HTTP no longer text is decoded on the event loop, which would only sleep.
ON_LOOP_BYTES = 2 * PIECE_BYTES

_SPACE = rb"[ \t\r\n]*+"
_COMMA = re.compile(_SPACE + rb",")
_ESCAPED = re.compile(rb"\\.", re.DOTALL)
_REST_OF_STRING = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_QUOTE = ord('"')
# A quote or what an element ends with, whichever is first.
_MARK = {b'"': re.compile(rb'[^"]*+"'), b"]": re.compile(rb'[^"\]]*+["\]]'), b"}": re.compile(rb'[^"}]*+["}]')}


def pieces(raw: Json, closer: bytes) -> Iterator[bytes]:
    """Cut a JSON array into arrays of about PIECE_BYTES.

    closer: what each element ends with: a quote, ] or }; nothing for numbers. Raises ValueError for a comma at the end.
    """
    start, end = raw.index(b"[") + 1, raw.rindex(b"]")
    while end - start > PIECE_BYTES:
        comma = _comma(raw, start, end, closer)
        if comma < 0:
            break
        yield b"[" + raw[start:comma] + b"]"
        start = comma + 1
        if closer in STEPS_ASIDE and start > ON_LOOP_BYTES:
            time.sleep(STEP_ASIDE_SECONDS)
        if end - start < PIECE_BYTES and not raw[start:end].strip():
            raise ValueError("a comma is followed by nothing")
    yield b"[" + raw[start:end] + b"]"


def out_of_string(raw: Json, start: int, at: int, end: int) -> int:
    """Return at, or where the string that it is in ends; -1 when it does not. start: a place outside of any string."""
    before = raw[start:at]
    if b"\\" in before:
        before = _ESCAPED.sub(b"", before)
    if not before.count(b'"') % 2:
        return at
    rest = _REST_OF_STRING.match(raw, at + before.endswith(b"\\"), end)
    return rest.end() if rest else -1


def _comma(raw: Json, start: int, end: int, closer: bytes) -> int:
    """Return where the comma is after an element that ends beyond a piece; -1 when there is none."""
    if not closer:
        return raw.find(b",", start + PIECE_BYTES, end)
    at = out_of_string(raw, start, start + PIECE_BYTES, end)
    while at >= 0 and (mark := _MARK[closer].match(raw, at, end)):
        at = mark.end()
        if raw[at - 1] == _QUOTE:
            rest = _REST_OF_STRING.match(raw, at, end)
            if rest is None:
                return -1
            at = rest.end()
        if raw[at - 1 : at] == closer and (comma := _COMMA.match(raw, at, end)):
            return comma.end() - 1
    return -1
