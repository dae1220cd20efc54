"""What loaded models take of a process's memory, and which of them to free for another one."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

_STATM = Path("/proc/self/statm")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Holding(NamedTuple):
    """A loaded model.

    used_at: when it last answered or, before that, when it was loaded; seconds of any clock. idle: nothing of it is in
    flight. spare: the version before, which only makes the way back fast.
    """

    name: str
    size_bytes: int
    used_at: float
    idle: bool
    spare: bool = False


def resident_bytes() -> int:
    """Return the resident memory of this process. Source: proc(5), /proc/PID/statm, the second field."""
    return int(_STATM.read_text().split()[1]) * _PAGE_BYTES


def least_recently_used(holdings: Iterable[Holding], wanted_bytes: int) -> list[Holding]:
    """Return what to free, in this order, until so many bytes are free; all that is idle where that is not enough.

    Versions before go first, then models, each the least recently used first. What is not idle never goes.
    """
    chosen: list[Holding] = []
    freed_bytes = 0
    for holding in sorted(holdings, key=lambda holding: (not holding.spare, holding.used_at)):
        if freed_bytes >= wanted_bytes:
            break
        if holding.idle:
            chosen.append(holding)
            freed_bytes += holding.size_bytes
    return chosen
