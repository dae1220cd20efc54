"""Times, rates and ratios as people write them on a command line."""

import math
import re
from typing import NamedTuple

_NUMBER = r"(\d{1,15}(?:\.\d{1,15})?)"
_SECONDS = re.compile(_NUMBER + r"(us|ms|s|m|h)?", re.ASCII)
_RATES = re.compile(rf"{_NUMBER}(?:-{_NUMBER})?", re.ASCII)
_RATIO = re.compile(_NUMBER + r"(%)?", re.ASCII)
_UNIT_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, None: 1.0}


class Rates(NamedTuple):
    """The lowest and the highest rate, in requests per second; low is None where only one was given."""

    low: float | None
    high: float


def seconds(text: str) -> float:
    """Read a time, more than zero: 50ms, 1.5s, 5m, 2h, or seconds without a unit. Raises ValueError."""
    found = _SECONDS.fullmatch(text)
    value = float(found[1]) * _UNIT_SECONDS[found[2]] if found else 0.0
    if value <= 0:
        raise ValueError(f"{text!r} is no time: a number with us, ms, s, m or h was expected, as in 50ms")
    return value


def rates(text: str) -> Rates:
    """Read a rate, or the lowest and the highest, in requests per second: 400 or 10-400. Raises ValueError."""
    found = _RATES.fullmatch(text)
    low, high = (float(found[1]), float(found[2] or found[1])) if found else (0.0, 0.0)
    if not 0 < low <= high:
        raise ValueError(f"{text!r} is no rate: requests per second were expected, as in 400 or 10-400")
    return Rates(low if found and found[2] else None, high)


def ratio(text: str) -> float:
    """Read a share from 0 to 1: 0.1% or 0.001. Raises ValueError."""
    found = _RATIO.fullmatch(text)
    value = float(found[1]) / (100 if found[2] else 1) if found else math.nan
    if not 0 <= value <= 1:
        raise ValueError(f"{text!r} is no share: a number from 0 to 1 or from 0% to 100% was expected, as in 0.1%")
    return value


def written(value_seconds: float) -> str:
    """Write a time with three significant digits and the unit that suits it."""
    if math.isnan(value_seconds):
        return "-"
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if value_seconds >= size:
            return f"{significant(value_seconds / size)} {unit}"
    return f"{significant(value_seconds / 1e-6)} us"


def significant(value: float, digits: int = 3) -> str:
    """Write a number with so many significant digits, whole where it has more, thousands apart."""
    if not value or not math.isfinite(value):
        return f"{value:.0f}"
    return f"{value:,.{max(0, digits - 1 - math.floor(math.log10(abs(value))))}f}"
