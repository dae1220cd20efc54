"""Long arrays, taken out of a JSON text so that no single call has to look at the whole of it.

A JSON decoder keeps the interpreter to itself: about 1 ms for each megabyte, and everybody else waits. Where a text is
large, nearly all of it is the array of one key, whose end is found without decoding it.
"""

import re

from services.core.json_pieces import out_of_string

# Shorter texts are decoded in well under a millisecond.
LONG_BYTES = 256 * 1024
# Copying this much, or searching it for one byte, takes about 0.1 ms; then another thread may have the interpreter.
STEP_BYTES = 256 * 1024
# Looking for the end of an array of strings or objects in this much takes as long.
WINDOW_BYTES = 16 * 1024
# What closes an array is no longer than that, spaces included.
MAX_CLOSING_BYTES = 256

# Of more axes no tensor is.
MAX_DEPTH = 8

_OPENING = re.compile(rb"[ \t\r\n]*+:[ \t\r\n]*+((?:\[[ \t\r\n]*+)+)")
_CLOSING = b"]}, \t\r\n"
# Before what closes an array; most texts have none, and are searched three times as fast then.
_SPACES = (b"", rb"[ \t\r\n]*+")
# What the last element of an array ends with, by what the first begins with; numbers have no such byte.
_CLOSER = {b'"': b'"', b"{": b"}"}


def take_out(text: bytes, key: bytes) -> tuple[bytes, dict[bytes, bytearray]]:
    """Return the text with a short string in the place of each long array of a key, and the arrays by these strings.

    key: with its quotes. Where an array ends is a guess for a text that is not JSON, and a text that only looks like a
    key leaves one that no decoder accepts, so decode the whole one when the shorter one, or an array, fails.
    """
    kept: list[bytes] = []
    taken: dict[bytes, bytearray] = {}
    position = at = 0
    while (opening := _next_opening(text, key, at)) is not None:
        at = _end(text, opening)
        if at < 0:
            break
        if at - opening.start(1) > LONG_BYTES:
            token = b'"[%d]"' % len(taken)
            taken[token] = _copy(text, opening.start(1), at)
            kept += (text[position : opening.start(1)], token)
            position = at
    if not taken:
        return text, {}
    kept.append(text[position:])
    shorter = b"".join(kept)
    if any(shorter.count(token) != 1 for token in taken):
        return text, {}  # one of these strings was there before
    return shorter, taken


def _next_opening(text: bytes, key: bytes, start: int) -> "re.Match[bytes] | None":
    """Return what opens the next array of a key."""
    at = start
    while at < len(text):
        found = text.find(key, at, at + STEP_BYTES + len(key))
        at = found + len(key) if found >= 0 else at + STEP_BYTES
        if found >= 0 and (opening := _OPENING.match(text, at)) is not None:
            return opening
    return None


def _end(text: bytes, opening: "re.Match[bytes]") -> int:
    """Return where the array ends that begins so; -1 when it does not."""
    depth = opening.group(1).count(b"[")
    if depth > MAX_DEPTH:
        return -1
    closer = _CLOSER.get(text[opening.end() : opening.end() + 1])
    if closer is None:
        return _end_of_numbers(text, opening.end(), depth)
    ends = (_end_of_others(text, opening.end(), closer, space.join([b""] + [rb"\]"] * depth)) for space in _SPACES)
    return next((end for end in ends if end >= 0), -1)


def _end_of_others(text: bytes, start: int, closer: bytes, brackets: bytes) -> int:
    """Return where an array of strings or objects ends: what closes it is outside of every string."""
    last, closing, at = re.compile(closer + brackets), re.compile(brackets), start
    while 0 <= at < len(text):
        found = last.search(text, at, at + WINDOW_BYTES + MAX_CLOSING_BYTES)
        at = out_of_string(text, at, found.start() + 1 if found else at + WINDOW_BYTES, len(text))
        if found and at >= 0 and (closed := closing.match(text, at)):
            return closed.end()
    return -1


def _end_of_numbers(text: bytes, start: int, depth: int) -> int:
    """Return where an array of numbers ends: what closes it is before the next quote."""
    end = _next_quote(text, start)
    closing = _strip_closing(text, start, end)
    for _ in range(depth):
        closing = text.find(b"]", closing, end) + 1
        if closing == 0:
            return -1
    return closing


def _next_quote(text: bytes, start: int) -> int:
    """Return where the next quote is, or the end of the text."""
    for at in range(start, len(text), STEP_BYTES):
        found = text.find(b'"', at, at + STEP_BYTES)
        if found >= 0:
            return found
    return len(text)


def _strip_closing(text: bytes, start: int, end: int) -> int:
    """Return where what closes an array begins."""
    while end > start:
        step = max(start, end - STEP_BYTES)
        if content := text[step:end].rstrip(_CLOSING):
            return step + len(content)
        end = step
    return start


def _copy(text: bytes, start: int, end: int) -> bytearray:
    copy = bytearray()
    for at in range(start, end, STEP_BYTES):
        copy += text[at : min(at + STEP_BYTES, end)]
    return copy
