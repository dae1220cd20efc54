"""Verdicts of single columns, and how often they are wrong where nothing drifted."""

import numpy as np
import pytest
from scipy.stats import binom

from bench import drift as measured
from services.prediction_log.drift.judge import Limits, judge
from services.prediction_log.drift.tally import tally_for
from tests.unit.core.test_reference import of_labels, of_numbers

RANDOM = np.random.default_rng(3)
NORMAL = RANDOM.normal(size=400)
# Alarms come by chance; by more than this, one run in 100,000 would.
SURE = 1 - 1e-5


def verdict(summary, values, **limits):
    tally = tally_for(summary)
    tally.add(np.asarray(values, dtype=object if any(isinstance(value, str) for value in values) else np.float64))
    (finding,) = judge({"x": (summary, tally)}, {}, Limits(**limits))
    return finding


@pytest.fixture(scope="module")
def wine():
    """The data set of scikit-learn, with a small forest fitted to a third of it."""
    return measured.case("wine")


def labels(**counts):
    return [label for label, count in counts.items() for _ in range(count)]


@pytest.mark.parametrize(
    ("summary", "window", "expected"),
    [
        (of_numbers(NORMAL), NORMAL[::2], "none"),
        (of_numbers(NORMAL), NORMAL[::2] + 1, "drift"),
        (of_numbers(NORMAL), NORMAL[:29], "not enough rows"),
        (of_numbers(NORMAL[:29]), NORMAL, "not enough rows"),
        (of_numbers([5] * 100), [5] * 100, "none"),
        (of_numbers([5] * 100), [6] * 100, "drift"),
        (of_numbers([5] * 100), [4] * 100, "drift"),
        (of_numbers([0] * 60 + [1] * 60), [0] * 60 + [0.5] * 60, "drift"),
        (of_numbers([*NORMAL, *[np.nan] * 10]), [*NORMAL, *[np.nan] * 10], "none"),
        (of_numbers(NORMAL), [*NORMAL[:200], *[np.nan] * 200], "drift"),
        (of_numbers(NORMAL), [np.nan] * 100, "drift"),
        (of_numbers([np.nan] * 100), [np.nan] * 100, "none"),
        (of_labels(labels(a=50, b=50)), labels(a=55, b=45), "none"),
        (of_labels(labels(a=50, b=50)), labels(a=95, b=5), "drift"),
        (of_labels(labels(a=50, b=50)), labels(a=50, b=25, new=25), "drift"),
        (of_labels(labels(a=50, b=50)), labels(other=100), "drift"),
        (of_labels([str(number) for number in range(200)]), labels(a=100), "too many values"),
    ],
)
def test_verdict(summary, window, expected):
    assert verdict(summary, window).verdict == expected


def test_what_is_significant_but_small_is_no_drift():
    many = np.random.default_rng(4).normal(size=40_000)

    finding = verdict(of_numbers(many), many[:20_000] + 0.1)

    assert finding.adjusted_p_value < 1e-6
    assert finding.psi < 0.02
    assert finding.verdict == "none"


def test_what_is_large_by_chance_is_no_drift():
    finding = verdict(of_numbers(NORMAL), NORMAL[:40], max_psi=0.0)

    assert finding.psi > 0
    assert finding.verdict == "none"


def test_p_values_are_adjusted_for_all_columns_and_the_largest_index_comes_first():
    pairs = {}
    for name, shift in (("still", 0.0), ("far", 3.0), ("near", 0.5)):
        summary = of_numbers(NORMAL)
        pairs[name] = (summary, tally_for(summary))
        pairs[name][1].add(NORMAL + shift)
    few = of_numbers(NORMAL[:5])

    found = judge(pairs, {"few": (few, tally_for(few))}, Limits())

    assert [finding.column for finding in found] == ["far", "near", "still", "few"]
    assert [finding.kind for finding in found] == ["feature", "feature", "feature", "score"]
    assert found[0].adjusted_p_value == pytest.approx(3 * found[0].p_value)
    assert found[-1].adjusted_p_value is None


def test_rare_labels_alone_are_no_drift():
    # Each sample sees other ones of a thousand rare labels: neither has what the other has.
    random = np.random.default_rng(5)
    reference = of_labels([*labels(common=300), *map(str, random.integers(0, 1000, 60))])

    found = [verdict(reference, [*labels(common=300), *map(str, random.integers(0, 1000, 60))]) for _ in range(50)]

    assert sum(finding.verdict == "drift" for finding in found) <= binom.ppf(SURE, 50, Limits().alpha)


def test_false_alarms_are_at_most_as_frequent_as_asked_for(wine):
    resamples, limits = 150, (Limits(), Limits(max_psi=0.0, alpha=0.05))

    rates = measured.false_alarms(wine, limits, resamples)

    for rate, limit in zip(rates, limits, strict=True):
        assert rate * resamples <= binom.ppf(SURE, resamples, limit.alpha)


def test_a_shift_is_found(wine):
    assert measured.detected(wine, 1.5, resamples=20) >= 0.9
