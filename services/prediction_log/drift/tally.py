"""The window counted against its reference: one count for each interval or label, however many rows come."""

from collections import Counter

import numpy as np

from services.core.reference import MAX_CATEGORIES, Categories, Numbers, Summary
from services.core.tensors import Array

# More labels than the reference may have are drift whatever they are; the rest is counted together.
MAX_LABELS = 100 * MAX_CATEGORIES
REST = "…"


class NumberTally:
    """counts: rows up to each edge of the reference and above the one before; the last, above all."""

    def __init__(self, summary: Numbers) -> None:
        self._edges = np.array(summary.edges)
        self.counts: Array = np.zeros(len(summary.edges) + 1, dtype=np.int64)
        self.missing = 0

    @property
    def rows(self) -> int:
        """All rows, those without a value too."""
        return int(self.counts.sum()) + self.missing

    def add(self, values: Array) -> None:
        """Count values, NaN where one is missing."""
        present = values[np.isfinite(values)]
        self.missing += len(values) - len(present)
        self.counts += np.bincount(np.searchsorted(self._edges, present), minlength=len(self.counts))


class LabelTally:
    """counts: rows by label."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.missing = 0

    @property
    def rows(self) -> int:
        """All rows."""
        return self.counts.total() + self.missing

    def add(self, labels: Array) -> None:
        """Count labels, None where one is missing."""
        for label, count in Counter(labels.tolist()).items():
            if label is None:
                self.missing += count
            else:
                self.counts[label if label in self.counts or len(self.counts) < MAX_LABELS else REST] += count


Tally = NumberTally | LabelTally


def tally_for(summary: Summary) -> Tally:
    """Return an empty tally against a summary."""
    return LabelTally() if isinstance(summary, Categories) else NumberTally(summary)
