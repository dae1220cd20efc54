"""The verdict of each column: drift is what chance does not explain, and what is large enough to matter."""

from collections.abc import Mapping
from typing import Literal

import msgspec
import numpy as np

from services.core.reference import Categories, Numbers, Summary
from services.core.tensors import Array
from services.prediction_log.drift import significance
from services.prediction_log.drift.tally import LabelTally, NumberTally, Tally

# Below this, nothing but the coarsest drift would be found, and the tests' distributions are approximations.
LEAST_ROWS = 30

Verdict = Literal["drift", "none", "not enough rows", "too many values"]
Test = Literal["kolmogorov-smirnov", "chi-square"]


class Limits(msgspec.Struct, frozen=True):
    """What counts as drift: an index above max_psi whose adjusted p-value is below alpha."""

    max_psi: float = 0.2
    alpha: float = 0.01


class Finding(msgspec.Struct, frozen=True):
    """One column. statistic: the largest distance of the distributions, or chi-square; of what is not missing.

    p_value: of that and, where values are missing, of their share. adjusted_p_value: for all columns of the report.
    """

    column: str
    kind: Literal["feature", "score"]
    verdict: Verdict
    reference_rows: int
    rows: int
    reference_missing: int
    missing: int
    test: Test
    psi: float | None = None
    statistic: float | None = None
    p_value: float | None = None
    adjusted_p_value: float | None = None


Pairs = Mapping[str, tuple[Summary, Tally]]


def judge(features: Pairs, scores: Pairs, limits: Limits) -> list[Finding]:
    """Return a finding for each column, the largest index first, those without one last."""
    found = [_measure(name, "feature", *pair) for name, pair in features.items()]
    found += [_measure(name, "score", *pair) for name, pair in scores.items()]
    measured = [finding for finding in found if finding.p_value is not None]
    adjusted = significance.holm([finding.p_value or 0.0 for finding in measured])
    judged = [_judged(finding, p_value, limits) for finding, p_value in zip(measured, adjusted, strict=True)]
    others = [finding for finding in found if finding.p_value is None]
    return sorted(judged, key=lambda finding: -(finding.psi or 0.0)) + others


def is_drift(finding: Finding, limits: Limits) -> bool:
    """Whether a difference is neither chance nor small."""
    p_value, psi = finding.adjusted_p_value, finding.psi
    return p_value is not None and psi is not None and p_value < limits.alpha and psi > limits.max_psi


def _judged(finding: Finding, adjusted: float, limits: Limits) -> Finding:
    finding = msgspec.structs.replace(finding, adjusted_p_value=adjusted)
    return msgspec.structs.replace(finding, verdict="drift") if is_drift(finding, limits) else finding


def _measure(name: str, kind: Literal["feature", "score"], summary: Summary, tally: Tally) -> Finding:
    test: Test = "chi-square" if isinstance(summary, Categories) else "kolmogorov-smirnov"
    finding = Finding(name, kind, "none", summary.rows, tally.rows, summary.missing, tally.missing, test)
    if isinstance(summary, Categories) and summary.counts is None:
        return msgspec.structs.replace(finding, verdict="too many values")
    if min(summary.rows, tally.rows) < LEAST_ROWS:
        return msgspec.structs.replace(finding, verdict="not enough rows")
    if isinstance(summary, Numbers) and isinstance(tally, NumberTally):
        psi, statistic, p_value = _numbers(summary, tally)
    else:
        assert isinstance(summary, Categories)
        assert isinstance(tally, LabelTally)
        psi, statistic, p_value = _labels(summary, tally)
    return msgspec.structs.replace(finding, psi=psi, statistic=statistic, p_value=p_value)


def _numbers(summary: Numbers, tally: NumberTally) -> tuple[float, float, float]:
    """Return index, distance and p-value; where values are missing, of the worse of two tests at half the level."""
    reference, window = np.array((*summary.counts, 0), dtype=np.int64), tally.counts
    distance, p_value = 0.0, 1.0
    bins: list[Array] = [np.zeros(0), np.zeros(0)]
    enough = min(reference.sum(), window.sum()) >= LEAST_ROWS
    if enough:
        distance, p_value = significance.kolmogorov_smirnov(reference, window)
        bins = list(significance.binned(reference, window))
    else:
        bins = [np.array([reference.sum()]), np.array([window.sum()])]
    if summary.missing or tally.missing:
        bins = [np.append(bins[0], summary.missing), np.append(bins[1], tally.missing)]
        present = np.array([reference.sum(), summary.missing]), np.array([window.sum(), tally.missing])
        p_missing = significance.chi_square(*significance.pooled(*present))[1]
        p_value = min(1.0, 2 * min(p_value, p_missing)) if enough else p_missing
    return significance.psi(*bins), distance, p_value


def _labels(summary: Categories, tally: LabelTally) -> tuple[float, float, float]:
    """Return index, chi-square and p-value over the labels of both, rare ones together, missing as one more."""
    counts = summary.counts or {}
    labels = sorted(counts.keys() | tally.counts.keys())
    reference = np.array([*(counts.get(label, 0) for label in labels), summary.missing])
    window = np.array([*(tally.counts.get(label, 0) for label in labels), tally.missing])
    pooled = significance.pooled(reference, window)
    return significance.psi(*pooled), *significance.chi_square(*pooled)
