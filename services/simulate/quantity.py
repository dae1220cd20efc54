"""Quantities as Kubernetes writes them: 250m, 4, 1.5, 2Gi."""

import math
import re

_QUANTITY = re.compile(
    r"([+-]?(?:\d{1,15}(?:\.\d{0,15})?|\.\d{1,15}))([eE][+-]?\d{1,2}|[numkMGTPE]|[KMGTPE]i)?", re.ASCII
)
_SIZES = {
    "n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18,
    "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50, "Ei": 2.0**60,
}  # fmt: skip


def quantity(given: str | float) -> float:
    """Read a quantity. Raises ValueError.

    Source: apimachinery/pkg/api/resource/quantity.go, whose grammar this is.
    """
    found = _QUANTITY.fullmatch(str(given))
    if not found:
        raise ValueError(f"{given!r} is no quantity: a number was expected, as in 250m, 4 or 1.5")
    suffix = found[2]
    size = 1.0 if suffix is None else _SIZES.get(suffix) or 10.0 ** int(suffix[1:])
    return float(found[1]) * size


def milli(given: str | float) -> int:
    """Read a quantity in thousandths, rounded up as Kubernetes' MilliValue does. Raises ValueError."""
    return math.ceil(round(quantity(given) * 1000, 6))
