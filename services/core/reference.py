"""The reference of a compiled model: how its columns were distributed before it was served; holds no rows.

A number's distribution is an equi-depth histogram: the exact share of rows up to each of some 256 quantiles or, where
there are few values, of each of them. That is enough for the population stability index, and for a Kolmogorov-Smirnov
distance over these edges, which is never above the one over all values.
"""

from collections import Counter
from pathlib import Path

import msgspec
import numpy as np

from services.core.columns import Column
from services.core.errors import TrivetError
from services.core.tensors import Array, Tensors

REFERENCE_FILE = "reference.json"
# A step of the distribution is 0.4 % of the rows, below what the tests tell apart in 10,000 rows.
EDGES = 256
# Values that come up less often than this are taken for points of a continuous range, where others lie between them.
ROWS_A_VALUE = 10
# A text of more values is a name, an identifier or prose, whose distribution nobody can know from a sample.
MAX_CATEGORIES = 100
# 256 quantiles each are about 5 kB.
MAX_COLUMNS = 500


class Numbers(msgspec.Struct, frozen=True, tag="numbers"):
    """edges: ascending. counts: rows above the edge before and up to this one, for each edge."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    missing: int

    @property
    def rows(self) -> int:
        """All rows, those without a value too."""
        return sum(self.counts) + self.missing


class Categories(msgspec.Struct, frozen=True, tag="categories"):
    """counts: rows by label; None where there are more labels than MAX_CATEGORIES."""

    counts: dict[str, int] | None
    missing: int
    rows: int


Summary = Numbers | Categories


class Reference(msgspec.Struct, frozen=True):
    """What a model's features, and its answers to rows that it was not fitted to, were like; by column."""

    features: dict[str, Summary] = {}
    scores: dict[str, Summary] = {}
    format: int = 1


def summarise(columns: tuple[Column, ...], tensors: Tensors) -> dict[str, Summary]:
    """Return the distribution of each column. Raises TrivetError for more than MAX_COLUMNS."""
    if len(columns) > MAX_COLUMNS:
        raise TrivetError(f"{len(columns)} columns; a reference holds at most {MAX_COLUMNS}: publish without one")
    return {
        column.name: (_numbers if column.kind == "numbers" else _categories)(column.values(tensors))
        for column in columns
    }


def read(folder: Path) -> Reference | None:
    """Return the reference in a compiled model's folder, None where there is none. Raises TrivetError."""
    try:
        content = (folder / REFERENCE_FILE).read_bytes()
        return msgspec.json.decode(content, type=Reference)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise TrivetError(f"{folder / REFERENCE_FILE} is not readable: {error}: publish the model again") from error


def _numbers(values: Array) -> Numbers:
    present = np.sort(values[np.isfinite(values)])
    edges = _edges(present)
    up_to = np.searchsorted(present, edges, side="right")
    counts = np.diff(up_to, prepend=0)
    return Numbers(tuple(edges.tolist()), tuple(counts.tolist()), len(values) - len(present))


def _edges(ordered: Array) -> Array:
    """Return where to count: below and at each of few values, or below the least and at the quantiles of many."""
    values = np.unique(ordered)
    with np.errstate(over="ignore"):  # below the least of all floats is none
        below = np.nextafter(values, -np.inf)
    if len(ordered) and (len(values) > EDGES // 2 or len(values) * ROWS_A_VALUE > len(ordered)):
        ranks = np.ceil(len(ordered) * np.arange(1, EDGES) / (EDGES - 1)).astype(int) - 1
        values, below = np.unique(ordered[ranks]), below[:1]
    edges: Array = np.unique(np.concatenate([values, below[np.isfinite(below)]]))
    return edges


def _categories(labels: Array) -> Categories:
    counts = Counter(label for label in labels.tolist() if label is not None)
    few = len(counts) <= MAX_CATEGORIES
    return Categories(dict(sorted(counts.items())) if few else None, len(labels) - counts.total(), len(labels))
