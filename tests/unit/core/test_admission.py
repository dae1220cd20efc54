"""Admission: what may queue, what is refused at once, and an honest time to come back."""

from math import ceil

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from services.core.admission import Admission
from services.core.cost import Cost
from services.core.errors import Overloaded
from services.core.settings import Settings

TEN_MS_A_ROW = ((1, 0.01), (2, 0.02))


def admission(measured: tuple[tuple[int, float], ...] = TEN_MS_A_ROW, **settings: object) -> Admission:
    chosen = Settings(**{"max_batch_rows": 10, "max_queue_rows": 40, **settings})
    return Admission(chosen, Cost(measured), chosen.max_batch_rows)


def refusal(**asked: float) -> Overloaded:
    limits = {key: asked.pop(key) for key in ("max_batch_rows", "max_queue_rows", "max_queue_seconds") if key in asked}
    with pytest.raises(Overloaded) as caught:
        admission(**limits).admit(**{"rows": 1, "queued_rows": 0, "busy_seconds": 0, "timeout_seconds": 30, **asked})
    return caught.value


@given(st.integers(1, 100_000), st.floats(0, 100))
def test_an_idle_server_accepts_whatever_its_deadline_allows(rows, spare_seconds):
    needed = Cost(TEN_MS_A_ROW).queue_seconds(rows, 10)

    admission(max_queue_rows=1).admit(rows, 0, 0.0, needed + spare_seconds)


def test_an_empty_queue_accepts_while_a_long_run_is_in_progress():
    admission().admit(1, 0, busy_seconds=20, timeout_seconds=30)


def test_a_queue_full_in_rows_refuses():
    admission(max_queue_seconds=9).admit(1, 39, 0.0, 30)

    error = refusal(queued_rows=40, max_queue_seconds=9)

    assert error.reason == "queue_full"
    assert "40 of at most 40 rows" in error.message


def test_a_large_request_counts_as_one_batch():
    admission(max_queue_seconds=9).admit(1000, 30, 0.0, 30)

    assert refusal(rows=1000, queued_rows=31, max_queue_seconds=9).reason == "queue_full"


def test_a_queue_full_in_seconds_refuses():
    error = refusal(queued_rows=30, busy_seconds=0.5, max_queue_seconds=0.7)

    assert error.reason == "queue_full"
    assert "would wait 0.800 s, of at most 0.700 s" in error.message


def test_who_starts_within_one_full_batch_is_accepted():
    admission(max_batch_rows=64, max_queue_rows=100).admit(1, 63, busy_seconds=0.63, timeout_seconds=30)

    assert refusal(queued_rows=63, busy_seconds=0.65, max_batch_rows=64, max_queue_rows=100).reason == "queue_full"


def test_who_has_a_full_batch_before_it_is_refused_while_another_runs():
    assert refusal(queued_rows=64, busy_seconds=0.1, max_batch_rows=64, max_queue_rows=100).reason == "queue_full"


def test_when_runs_take_longer_than_unloaded_the_wait_gets_what_is_left():
    cost = Cost(TEN_MS_A_ROW)
    for _ in range(100):
        cost.observe(10, 0.125)  # a quarter longer than at warm-up
    gate = Admission(Settings(max_batch_rows=10, max_queue_rows=40), cost, 10)

    gate.admit(1, 5, busy_seconds=0.074, timeout_seconds=30)
    with pytest.raises(Overloaded):
        gate.admit(1, 5, busy_seconds=0.076, timeout_seconds=30)


def test_without_batching_a_few_dozen_rows_may_wait():
    admission(max_batch_rows=1).admit(1, 32, 0.0, 30)

    assert refusal(queued_rows=33, max_batch_rows=1).reason == "queue_full"


def test_a_quick_model_never_refuses_for_a_wait_nobody_notices():
    admission(((1, 1e-6), (2, 2e-6))).admit(1, 39, busy_seconds=0.009, timeout_seconds=30)


def test_a_deadline_that_cannot_be_met_is_refused_at_once():
    error = refusal(rows=5, busy_seconds=0.2, timeout_seconds=0.24)

    assert error.reason == "deadline"
    assert "would take about 0.250000 s, and the deadline is in 0.240000 s" in error.message


@pytest.mark.parametrize(("busy", "seconds"), [(1.02, 1), (1.9, 1), (2.1, 2), (7.1, 7), (60.5, 60)])
def test_retry_after_is_whole_seconds_rounded_up_and_at_least_1(busy, seconds):
    assert refusal(busy_seconds=busy, timeout_seconds=1.01).retry_after_seconds == seconds


@given(
    rows=st.integers(1, 500),
    queued_rows=st.integers(0, 60),
    busy_seconds=st.floats(0, 50),
    timeout_seconds=st.floats(0.001, 30),
    max_queue_seconds=st.sampled_from([0, 0.05, 3]),
)
def test_who_comes_back_when_told_is_accepted(rows, queued_rows, busy_seconds, timeout_seconds, max_queue_seconds):
    gate, cost = admission(max_queue_seconds=max_queue_seconds), Cost(TEN_MS_A_ROW)
    assume(cost.queue_seconds(rows, 10) <= timeout_seconds)  # otherwise no wait helps
    try:
        gate.admit(rows, queued_rows, busy_seconds, timeout_seconds)
    except Overloaded as error:
        waited = error.retry_after_seconds
    else:
        return

    assert 1 <= waited <= ceil(busy_seconds + cost.queue_seconds(queued_rows, 10)) + 1
    left = max(0.0, busy_seconds + cost.queue_seconds(queued_rows, 10) - waited)
    still_busy = min(left, busy_seconds)
    gate.admit(rows, int((left - still_busy) / 0.01), still_busy, timeout_seconds)


def test_slower_runs_make_admission_stricter():
    cost = Cost(TEN_MS_A_ROW)
    gate = Admission(Settings(max_batch_rows=10, max_queue_rows=40), cost, 10)
    gate.admit(1, 5, 0.0, timeout_seconds=0.07)

    for _ in range(60):
        cost.observe(1, 0.02)

    with pytest.raises(Overloaded, match="deadline"):
        gate.admit(1, 5, 0.0, timeout_seconds=0.07)
