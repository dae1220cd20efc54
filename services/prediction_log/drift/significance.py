"""How far two samples are apart, and whether chance explains it.

Population stability index: Siddiqi, "Credit Risk Scorecards" (2006), sum of (q - p) ln(q / p) over bins; half a row is
added to each bin, so that an empty one is finite. Two-sample Kolmogorov-Smirnov: Smirnov (1948), the limit of the
distribution of D sqrt(nm / (n + m)), which is a little too careful for few rows. Holm (1979), "A simple sequentially
rejective multiple test procedure".
"""

from collections.abc import Sequence

import numpy as np
from scipy.special import chdtrc, kolmogorov

from services.core.tensors import Array

# Fewer expected rows than this in a cell, and the chi-square distribution no longer holds (Cochran's rule).
LEAST_EXPECTED_ROWS = 5
# Deciles, where each has ten rows of the smaller sample; the index of two equal samples grows with bins / rows.
MAX_BINS, ROWS_A_BIN = 10, 10


def psi(reference: Array, window: Array) -> float:
    """Return the population stability index of two samples' counts in the same bins."""
    if len(reference) < 2:
        return 0.0
    before = (reference + 0.5) / (reference.sum() + 0.5 * len(reference))
    now = (window + 0.5) / (window.sum() + 0.5 * len(window))
    return float(((now - before) * np.log(now / before)).sum())


def kolmogorov_smirnov(reference: Array, window: Array) -> tuple[float, float]:
    """Return the largest distance of two samples' distributions, by counts between edges, and its p-value.

    Over given edges the distance is at most the one over all values, so the p-value is at least as large.
    """
    rows, others = reference.sum(), window.sum()
    distance = float(np.abs(np.cumsum(reference) / rows - np.cumsum(window) / others).max())
    return distance, float(kolmogorov(distance * np.sqrt(rows * others / (rows + others))))


def chi_square(reference: Array, window: Array) -> tuple[float, float]:
    """Return Pearson's statistic of a 2 x bins table without empty rows or columns, and its p; 0 and 1 for one."""
    if len(reference) < 2:
        return 0.0, 1.0
    table = np.array([reference, window], dtype=np.float64)
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    statistic = float(((table - expected) ** 2 / expected).sum())
    return statistic, float(chdtrc(len(reference) - 1, statistic))


def pooled(reference: Array, window: Array) -> tuple[Array, Array]:
    """Return counts with rare bins put together, so that each cell has LEAST_EXPECTED_ROWS to expect.

    Rare is what is rare in both samples together: by one alone, the other would differ by the choice.
    """
    table = np.array([reference, window], dtype=np.int64)
    totals = table.sum(axis=0)
    smaller, rows = table.sum(axis=1).min(), table.sum()
    order = np.argsort(totals, kind="stable")
    needed = LEAST_EXPECTED_ROWS * rows / smaller if smaller else np.inf
    rare = int((totals[order] < needed).sum())
    # The rest of the rare ones may still be too few: the smallest of the others joins them.
    if rare and totals[order[:rare]].sum() < needed:
        rare += 1
    if rare == 0:
        return table[0], table[1]
    kept = np.sort(order[rare:])
    rest = table[:, order[:rare]].sum(axis=1)
    return np.append(table[0, kept], rest[0]), np.append(table[1, kept], rest[1])


def binned(reference: Array, window: Array) -> tuple[Array, Array]:
    """Return counts between edges, put together to bins with about equally many rows of the reference.

    What lies where the reference has nothing is one bin more.
    """
    seen = reference > 0
    bins = min(MAX_BINS, max(2, int(min(reference.sum(), window.sum())) // ROWS_A_BIN))
    cumulative = np.cumsum(reference[seen])
    ends = np.unique(np.searchsorted(cumulative, cumulative[-1] * np.arange(1, bins) / bins) + 1)
    starts = np.append(0, ends[ends < len(cumulative)])
    before, now = np.add.reduceat(reference[seen], starts), np.add.reduceat(window[seen], starts)
    unseen = window[~seen].sum()
    return (np.append(before, 0), np.append(now, unseen)) if unseen else (before, now)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return adjusted p-values: to call those up to a level a drift errs anywhere at most at that level.

    Whatever depends on what: columns of one table do.
    """
    order = np.argsort(p_values, kind="stable")
    factors = len(p_values) - np.arange(len(p_values))
    stepped = np.minimum(1.0, np.maximum.accumulate(np.array(p_values, dtype=float)[order] * factors))
    adjusted = np.empty(len(p_values))
    adjusted[order] = stepped
    return list(map(float, adjusted))
