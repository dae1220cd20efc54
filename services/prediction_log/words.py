"""Counts, moments and tables as people read them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime


def counts(found: Mapping[str, int]) -> str:
    """Return `2 (1,100), 1 (12)`, or none."""
    return ", ".join(f"{name} ({count:,})" for name, count in found.items()) or "none"


def moment(at: datetime | None) -> str:
    """Return a moment in UTC, to the second."""
    return "-" if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return lines whose columns stand below each other; what a client wrote cannot move the terminal's cursor."""
    cells = [list(head), *([_printable(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells]


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "\ufffd" for character in text)
