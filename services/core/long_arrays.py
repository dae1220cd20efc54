"""Long arrays of numbers, taken out of a JSON text so that no single call has to look at the whole of it.

A JSON decoder keeps the interpreter to itself: about 1 ms for each megabyte, and everybody else waits. Where a text is
large, nearly all of it is arrays of numbers, and these can be cut anywhere between two numbers.
"""

import re

# Shorter texts are decoded in well under a millisecond.
LONG_BYTES = 256 * 1024
# Searching or copying this much takes about 0.1 ms; then another thread may have the interpreter.
STEP_BYTES = 256 * 1024

_OPENING = re.compile(rb"\s*:\s*((?:\[\s*)+)")
_CLOSING = b"]}, \t\r\n"


def take_out(text: bytes) -> tuple[bytes, dict[bytes, bytearray]]:
    """Return the text with a short string in the place of each long array of numbers, and the arrays by these strings.

    What lies between two quotes is either within a string or without any; a string that looks like an array leaves a
    text that no decoder accepts, so decode the whole one when the shorter one fails.
    """
    kept: list[bytes] = []
    taken: dict[bytes, bytearray] = {}
    position, probe = 0, LONG_BYTES
    while probe < len(text):
        after_quote = text.rfind(b'"', 0, probe) + 1
        end = _next_quote(text, probe)
        bounds = _array(text, after_quote, end) if end - after_quote > LONG_BYTES else None
        if bounds is not None and bounds[0] >= position:
            token = b'"[%d]"' % len(taken)
            taken[token] = _copy(text, *bounds)
            kept += (text[position : bounds[0]], token)
            position = bounds[1]
        probe = end + LONG_BYTES
    kept.append(text[position:])
    shorter = b"".join(kept)
    if any(shorter.count(token) != 1 for token in taken):
        return text, {}  # one of these strings was there before
    return shorter, taken


def _array(text: bytes, start: int, end: int) -> tuple[int, int] | None:
    """Return where the array after a colon begins and ends, if that is all there is between start and end."""
    opening = _OPENING.match(text, start, end)
    if opening is None:
        return None
    closing = _end_of_numbers(text, start, end)
    for _ in range(opening.group(1).count(b"[")):
        closing = text.find(b"]", closing, end) + 1
        if closing == 0:
            return None
    return opening.start(1), closing


def _next_quote(text: bytes, start: int) -> int:
    """Return where the next quote is, or the end of the text."""
    for at in range(start, len(text), STEP_BYTES):
        found = text.find(b'"', at, at + STEP_BYTES)
        if found >= 0:
            return found
    return len(text)


def _end_of_numbers(text: bytes, start: int, end: int) -> int:
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
