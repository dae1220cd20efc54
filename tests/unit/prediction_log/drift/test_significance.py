"""The statistics against scipy's own, known examples and what must hold for any counts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2_contingency, ks_2samp

from services.prediction_log.drift import significance
from services.prediction_log.drift.tally import NumberTally
from tests.unit.core.test_reference import of_numbers

COUNTS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=1, max_size=12).filter(
    lambda pairs: all(sum(column) for column in zip(*pairs, strict=True))
)


def counted(reference, window):
    summary = of_numbers(reference)
    tally = NumberTally(summary)
    tally.add(np.asarray(window, dtype=np.float64))
    return np.array((*summary.counts, 0)), tally.counts


@pytest.mark.parametrize("shift", [0.0, 0.3, 2.0])
def test_the_distance_is_scipys_where_every_value_has_an_edge(shift):
    random = np.random.default_rng(1)
    reference, window = random.integers(0, 9, 200), random.integers(0, 9, 300) + shift

    distance, p_value = significance.kolmogorov_smirnov(*counted(reference, window))

    expected = ks_2samp(reference, window, method="asymp")
    assert distance == pytest.approx(expected.statistic)
    assert p_value == pytest.approx(expected.pvalue, rel=0.5)
    assert p_value >= expected.pvalue


@given(st.lists(st.integers(-9, 9), min_size=2, max_size=60), st.lists(st.floats(-9, 9), min_size=2, max_size=30))
def test_the_distance_is_never_above_the_one_over_all_values(reference, window):
    distance, p_value = significance.kolmogorov_smirnov(*counted(reference, window))

    assert distance <= ks_2samp(reference, window, method="asymp").statistic + 1e-12
    assert 0 <= p_value <= 1


@given(st.lists(st.tuples(st.integers(1, 60), st.integers(1, 60)), min_size=2, max_size=12))
def test_chi_square_is_scipys(pairs):
    reference, window = np.array(pairs).T

    expected = chi2_contingency(np.array([reference, window]), correction=False)
    assert significance.chi_square(reference, window) == pytest.approx((expected.statistic, expected.pvalue))


def test_over_quantiles_it_is_nearly_the_one_over_all_values():
    random = np.random.default_rng(2)
    reference, window = random.normal(size=20_000), random.normal(0.1, 1, size=10_000)

    distance, _ = significance.kolmogorov_smirnov(*counted(reference, window))

    assert distance == pytest.approx(ks_2samp(reference, window, method="asymp").statistic, abs=1 / 256)


def test_the_index_of_a_known_example():
    # Siddiqi's form: sum of (q - p) ln(q / p), here of 10, 40, 50 % against 20, 40, 40 %.
    expected = 0.1 * np.log(2) + 0.1 * np.log(1.25)

    assert significance.psi(np.array([2000, 4000, 4000]), np.array([1000, 4000, 5000])) == pytest.approx(
        expected, rel=0.01
    )
    assert significance.psi(np.array([5, 5]), np.array([50, 50])) == pytest.approx(0)


@given(COUNTS)
def test_the_index_is_finite_and_not_negative(pairs):
    reference, window = np.array(pairs).T

    assert 0 <= significance.psi(reference, window) < np.inf


@given(COUNTS)
def test_pooled_cells_have_five_rows_to_expect_and_none_is_lost(pairs):
    table = np.array(pairs).T

    pooled = np.array(significance.pooled(*table))

    assert pooled.sum(axis=1).tolist() == table.sum(axis=1).tolist()
    if pooled.shape[1] > 1:
        expected = chi2_contingency(pooled, correction=False).expected_freq
        assert expected.min() >= significance.LEAST_EXPECTED_ROWS - 1e-9
    assert 0 <= significance.chi_square(*pooled)[1] <= 1


@given(COUNTS)
def test_bins_lose_no_rows_and_put_what_is_new_apart(pairs):
    reference, window = np.array(pairs).T

    before, now = significance.binned(reference, window)

    assert (before.sum(), now.sum()) == (reference.sum(), window.sum())
    assert len(before) <= significance.MAX_BINS + 1
    new = window[reference == 0].sum()
    assert (before == 0).sum() == (1 if new else 0)
    assert new == 0 or now[-1] == new


def test_holm_of_a_known_example():
    assert significance.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert significance.holm([0.9, 0.8]) == [1.0, 1.0]
    assert significance.holm([]) == []
