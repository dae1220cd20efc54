"""The median of several rounds, and how far they spread."""

import math
import statistics
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Spread:
    """The median, least and most of the rounds that have a value; NaN without any."""

    median: float
    min: float
    max: float


def spread(values: Iterable[float]) -> Spread:
    """Return the spread of one value a round; a round without a value is NaN and left out."""
    known = [value for value in values if not math.isnan(value)]
    if not known:
        return Spread(math.nan, math.nan, math.nan)
    return Spread(statistics.median(known), min(known), max(known))


def number(value: float) -> str:
    """Write a number with three significant digits, or whole from 100 on, thousands apart."""
    if math.isnan(value):
        return "-"
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:.{min(digits, 6)}f}"
