"""Waiting for a condition with a deadline, and sending slowly: the only place of the tests that sleeps."""

import time
from collections.abc import Callable, Iterator
from typing import TypeVar

T = TypeVar("T")

LOOK_SECONDS = 0.01
TRICKLE_SECONDS = 0.1


def until(
    condition: Callable[[], T], seconds: float, what: str | Callable[[], str], look_seconds: float = LOOK_SECONDS
) -> T:
    """Return the condition's first true value; fail when it has none in time."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what() if callable(what) else what}")
        time.sleep(look_seconds)
    return value


def trickle(piece: bytes, seconds: float) -> Iterator[bytes]:
    """Yield a piece ten times a second, for at most so many seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        yield piece
        time.sleep(TRICKLE_SECONDS)
