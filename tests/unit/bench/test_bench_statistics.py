"""Medians, spreads, percentiles, and how numbers are written."""

import math

import pytest

from bench.recording import NO_RETRY_AFTER, RIGHT, Recording
from bench.statistics import number, spread


def test_spread_is_median_least_and_most_of_the_rounds():
    found = spread([3.0, 1.0, 2.0, 10.0, float("nan")])

    assert (found.median, found.min, found.max) == (2.5, 1.0, 10.0)


def test_spread_without_a_value_is_not_a_number():
    assert math.isnan(spread([math.nan]).median)


@pytest.mark.parametrize(
    ("value", "written"), [(0.01234, "0.0123"), (1.5, "1.50"), (99.94, "99.9"), (41234.4, "41,234"), (0.0, "0")]
)
def test_numbers_have_three_significant_digits(value, written):
    assert number(value) == written


def test_summary_counts_errors_by_name_and_latencies_of_right_answers_only():
    recording = Recording(seconds=2.0)
    for latency_ms in range(1, 101):
        recording.add(0.0, latency_ms / 1e3, RIGHT)
    recording.add(0.0, 99.0, 500)
    recording.add(0.0, 99.0, NO_RETRY_AFTER)

    summary = recording.summary()

    assert summary.requests_per_second == 50
    assert summary.p50_ms == pytest.approx(50.5)
    assert summary.p99_ms == pytest.approx(99.01)
    assert summary.errors == {"429 or 503 without Retry-After": 1, "500": 1}


def test_latencies_can_be_limited_to_a_window_of_intended_times():
    recording = Recording()
    for due_seconds in (0.0, 1.0, 2.0):
        recording.add(due_seconds, due_seconds * 10, RIGHT)

    assert recording.latencies(since_seconds=1.0, until_seconds=2.0).tolist() == [10.0]
