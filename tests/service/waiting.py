"""Waiting for a condition, with a deadline: the only place of the service tests that sleeps."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

LOOK_SECONDS = 0.01


def until(condition: Callable[[], T], seconds: float, what: str | Callable[[], str]) -> T:
    """Return the condition's first true value; fail when it has none in time."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what() if callable(what) else what}")
        time.sleep(LOOK_SECONDS)
    return value
