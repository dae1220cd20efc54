"""What a recording comes to."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.load import slo, text
from services.load.record import LOST, Recording
from services.load.report import good_latencies, quantile, report


def recorded(entries, seconds):
    recording = Recording(seconds=seconds)
    for due, latency, outcome in entries:
        recording.add(due, latency, outcome)
        recording.lateness.append(0.0)
        recording.sent.append(due)
    return recording


@given(st.lists(st.floats(0, 100), min_size=1, max_size=300), st.sampled_from([50.0, 90.0, 99.0, 99.9]))
def test_a_quantile_is_the_smallest_value_that_so_many_do_not_exceed(values, percent):
    ordered = np.sort(np.array(values))

    found = quantile(ordered, percent)

    assert found in values
    assert (ordered <= found).sum() >= percent / 100 * len(values) - 1e-6
    assert (ordered < found).sum() < percent / 100 * len(values) + 1e-6


def test_the_99th_percentile_of_a_hundred_is_the_second_largest():
    found = report(recorded([(0.0, number / 1000, 200) for number in range(1, 101)], 1.0), [])

    assert found.latency_seconds == {
        "p50": 0.05, "p90": 0.09, "p99": 0.099, "p99.9": 0.1, "largest": 0.1, "mean": pytest.approx(0.0505),
    }  # fmt: skip


def test_answers_are_counted_by_status_and_what_is_none_by_its_reason():
    entries = [(0.0, 0.1, 200)] * 6 + [(0.5, 0.1, 204)] + [(1.0, 9.0, 429)] * 2 + [(1.5, 9.0, LOST)]

    found = report(recorded(entries, 2.0), slo.parse("errors=30%,p99=100ms"))

    assert (found.wanted, found.answered, found.failed, found.unfinished) == (10, 7, 3, 0)
    assert found.statuses == {"200": 6, "204": 1, "429": 2}
    assert found.failures == {"connection closed without an answer": 1}
    assert found.error_ratio == 0.3
    assert found.kept and found.latency_seconds["largest"] == 0.1, "only good answers have a latency"


def test_rates_count_what_happened_while_requests_were_due():
    found = report(recorded([(0.0, 0.5, 200), (0.5, 0.5, 200), (1.0, 5.0, 200), (1.9, 5.0, 200)], 2.0), [])

    assert (found.wanted_rate, found.sent_rate, found.answered_rate) == (2, 2, 1)
    assert found.elapsed_seconds == 6.9
    assert found.in_flight == pytest.approx((0.5 + 0.5 + 5 + 5) / 6.9)


def test_the_timeline_puts_each_request_into_the_second_in_which_it_was_due():
    entries = [(2.9, 9.0, 200), (0.1, 0.1, 200), (0.9, 0.3, 500), (2.0, 1.0, 200)]

    found = report(recorded(entries, 3.0), []).timeline

    assert [(line.second, line.wanted, line.answered, line.failed) for line in found] == [
        (0, 2, 1, 1),
        (1, 0, 0, 0),
        (2, 2, 2, 0),
    ]
    assert [(line.p50_seconds, line.p99_seconds) for line in found] == [(0.1, 0.1), (None, None), (1.0, 9.0)]


def test_a_run_without_an_answer_misses_every_objective_and_has_a_text():
    recording = recorded([(0.0, 1.0, LOST)], 1.0)

    found = report(recording, slo.parse("p99=1s,errors=0"))

    assert [verdict.kept for verdict in found.verdicts] == [False, False]
    shown = "\n".join(text.lines(found, good_latencies(recording)))
    assert "no good answer" in shown
    assert "MISSED    p99 is nothing, at most 1.00 s is wanted" in shown


def test_an_empty_run_has_a_text():
    assert text.lines(report(Recording(seconds=1.0), []), good_latencies(Recording()))


def test_text_says_when_the_numbers_are_not_good():
    recording = recorded([(0.0, 0.01, 200)] * 10, 1.0)
    recording.lateness = type(recording.lateness)("d", [5.0] * 10)

    assert text.lines(report(recording, []), good_latencies(recording))[-1].startswith("NOT GOOD")


@given(st.lists(st.floats(1e-7, 100), min_size=1, max_size=50))
def test_a_histogram_counts_every_latency(latencies):
    shown = text.histogram(np.array(latencies))

    assert sum(int(line.split()[-1].replace(",", "")) for line in shown) == len(latencies)


@given(st.lists(st.one_of(st.none(), st.floats(0, 1e6)), min_size=1, max_size=300))
def test_a_sparkline_is_as_long_as_its_values_and_no_longer_than_its_width(values):
    shown = text.sparkline(values, 60)

    assert len(shown) == min(60, len(values))
    assert ("█" in shown) == any(values)
