"""Admission: what may queue, what is refused at once, and an honest time to come back."""

from math import ceil

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from services.core.admission import ANSWER_BATCHES, ROW_BYTES_HALF_LIFE_SECONDS, Admission, Ahead
from services.core.cost import Cost
from services.core.errors import Overloaded
from services.core.settings import Settings

TEN_MS_A_ROW = ((1, 0.01), (2, 0.02))
IDLE = Ahead(requests=0, running_rows=0, queued_rows=0, busy_seconds=0.0)


def admission(measured: tuple[tuple[int, float], ...] = TEN_MS_A_ROW, **settings: object) -> Admission:
    chosen = Settings(**{"max_batch_rows": 10, "max_queue_rows": 40, **settings})
    return Admission(chosen, Cost(measured), chosen.max_batch_rows)


def ahead(queued_rows: int = 0, busy_seconds: float = 0.0, running_rows: int = 0) -> Ahead:
    """What single-row requests make: so many wait, and a run of so many is in progress."""
    return Ahead(queued_rows + running_rows, running_rows, queued_rows, busy_seconds)


def refusal(rows: int = 1, found: Ahead = IDLE, timeout_seconds: float = 30, **settings: object) -> Overloaded:
    with pytest.raises(Overloaded) as caught:
        admission(**settings).admit(rows, found, timeout_seconds)
    return caught.value


@given(st.integers(1, 100_000), st.floats(0, 100))
def test_an_idle_server_accepts_whatever_its_deadline_allows(rows, spare_seconds):
    needed = Cost(TEN_MS_A_ROW).queue_seconds(rows, 10)

    admission(max_queue_rows=1).admit(rows, IDLE, needed + spare_seconds)


@pytest.mark.parametrize("running_rows", [1, 10])
def test_behind_a_single_request_nothing_is_refused(running_rows):
    admission().admit(10, Ahead(1, running_rows, 0, busy_seconds=20), timeout_seconds=30)


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(1, 1000), st.floats(0, 100)), max_size=30),
    st.integers(0, 10**6),
)
def test_rows_that_are_not_known_yet_are_taken_to_be_as_large_as_the_largest_lately(bodies, size):
    now = 0.0
    chosen = Admission(Settings(), Cost(TEN_MS_A_ROW), 10, clock=lambda: now)
    for rows, body_bytes, pause_seconds in bodies:
        now += pause_seconds
        chosen.learn(rows, body_bytes)

    largest = max((body_bytes / rows for rows, body_bytes, _ in bodies if rows), default=0)
    least = size / largest if largest else 0
    assert int(least) <= chosen.likely_rows(size) <= least * 2 ** (now / ROW_BYTES_HALF_LIFE_SECONDS) * (1 + 1e-9)


@pytest.mark.parametrize("others", [1, 10_000])
def test_the_size_of_a_large_row_is_remembered_however_many_small_ones_come(others):
    now = 0.0
    chosen = Admission(Settings(), Cost(TEN_MS_A_ROW), 10, clock=lambda: now)
    chosen.learn(1, 100_000)
    for _ in range(others):
        now += ROW_BYTES_HALF_LIFE_SECONDS / others
        chosen.learn(1, 100)

    assert chosen.likely_rows(100_000) in (1, 2)


def test_a_size_alone_breaks_no_deadline():
    chosen = admission()
    chosen.learn(1, 10)

    chosen.admit(1, ahead(queued_rows=1), 0.02, likely_rows=chosen.likely_rows(10**9))


def test_half_a_batch_in_flight_is_no_overload_however_long_it_takes():
    admission().admit(1, ahead(queued_rows=2, busy_seconds=20, running_rows=2), timeout_seconds=30)

    assert refusal(found=ahead(queued_rows=3, busy_seconds=20, running_rows=2)).reason == "queue_full"


def test_a_queue_full_in_rows_refuses():
    admission(max_queue_seconds=9).admit(1, ahead(39), 30)

    error = refusal(found=ahead(40), max_queue_seconds=9)

    assert error.reason == "queue_full"
    assert "40 of at most 40 rows" in error.message


def test_a_large_request_counts_as_one_batch():
    admission(max_queue_seconds=9).admit(1000, ahead(30), 30)

    assert refusal(1000, ahead(31), max_queue_seconds=9).reason == "queue_full"


def test_a_queue_full_in_seconds_refuses():
    error = refusal(found=ahead(30, 0.5, 10), max_queue_seconds=0.7)

    assert error.reason == "queue_full"
    assert "would wait 0.800 s, of at most 0.700 s" in error.message


def test_who_is_answered_within_the_time_of_two_unloaded_batches_is_accepted():
    """A full batch takes 0.1 s; behind a full run the next one is expected to be as large."""
    longest = (ANSWER_BATCHES - 1) * 0.1

    admission().admit(1, ahead(0, longest - 0.001, 10), 30)

    assert ANSWER_BATCHES < 2
    assert refusal(found=ahead(0, longest + 0.001, 10)).reason == "queue_full"


def test_a_short_run_leaves_more_time_to_wait():
    longest = (ANSWER_BATCHES - 0.6) * 0.1

    admission().admit(1, ahead(1, longest - 0.001, 6), 30)

    assert refusal(found=ahead(1, longest - 0.001, 10)).reason == "queue_full"


def test_who_has_a_full_batch_before_it_is_refused_while_another_runs():
    assert refusal(found=ahead(10, 0.01, 10)).reason == "queue_full"


def test_when_runs_take_longer_than_unloaded_the_wait_gets_what_is_left():
    cost = Cost(TEN_MS_A_ROW)
    for _ in range(100):
        cost.observe(10, 0.125)  # a quarter longer than at warm-up
    gate = Admission(Settings(max_batch_rows=10, max_queue_rows=40), cost, 10)
    longest = (ANSWER_BATCHES - 1.25) * 0.1

    gate.admit(1, ahead(5, longest - 0.001, 10), timeout_seconds=30)
    with pytest.raises(Overloaded):
        gate.admit(1, ahead(5, longest + 0.001, 10), timeout_seconds=30)


def test_runs_that_got_quicker_than_at_warm_up_are_the_unloaded_ones():
    cost = Cost(TEN_MS_A_ROW)
    for _ in range(100):
        cost.observe(10, 0.05)
    gate = Admission(Settings(max_batch_rows=10, max_queue_rows=40), cost, 10)

    with pytest.raises(Overloaded):
        gate.admit(1, ahead(5, 0.05, 10), timeout_seconds=30)


def test_without_batching_a_few_dozen_rows_may_wait():
    admission(max_batch_rows=1).admit(1, ahead(32), 30)

    assert refusal(found=ahead(56), max_batch_rows=1, max_queue_rows=100).reason == "queue_full"


def test_a_quick_model_never_refuses_for_a_wait_nobody_notices():
    quick = Settings(max_batch_rows=256, max_queue_rows=4096)

    Admission(quick, Cost(((1, 1e-6), (2, 2e-6))), 256).admit(1, ahead(4000, 0.005, 256), timeout_seconds=30)


def test_a_deadline_that_cannot_be_met_is_refused_at_once():
    error = refusal(5, Ahead(1, 10, 0, 0.2), timeout_seconds=0.24)

    assert error.reason == "deadline"
    assert "would take about 0.250000 s, and the deadline is in 0.240000 s" in error.message


@pytest.mark.parametrize(("busy", "seconds"), [(1.02, 1), (1.9, 1), (2.1, 2), (7.1, 7), (60.5, 60)])
def test_retry_after_is_whole_seconds_rounded_up_and_at_least_1(busy, seconds):
    assert refusal(found=Ahead(1, 10, 0, busy), timeout_seconds=1.01).retry_after_seconds == seconds


@given(
    rows=st.integers(1, 500),
    queued_rows=st.integers(0, 60),
    running_rows=st.integers(1, 10),
    busy_seconds=st.floats(0, 50),
    timeout_seconds=st.floats(0.001, 30),
    max_queue_seconds=st.sampled_from([0, 0.05, 3]),
)
def test_who_comes_back_when_told_is_accepted(
    rows, queued_rows, running_rows, busy_seconds, timeout_seconds, max_queue_seconds
):
    gate, cost = admission(max_queue_seconds=max_queue_seconds), Cost(TEN_MS_A_ROW)
    assume(cost.queue_seconds(rows, 10) <= timeout_seconds)  # otherwise no wait helps
    try:
        gate.admit(rows, ahead(queued_rows, busy_seconds, running_rows), timeout_seconds)
    except Overloaded as error:
        waited = error.retry_after_seconds
    else:
        return

    assert 1 <= waited <= ceil(busy_seconds + cost.queue_seconds(queued_rows, 10)) + 1
    still_busy = max(0.0, busy_seconds - waited)
    ran_rows = int(max(0.0, waited - busy_seconds) / 0.01)
    left = ahead(max(0, queued_rows - ran_rows), still_busy, running_rows if still_busy else 0)
    gate.admit(rows, left, timeout_seconds)


def test_slower_runs_make_admission_stricter():
    cost = Cost(TEN_MS_A_ROW)
    gate = Admission(Settings(max_batch_rows=10, max_queue_rows=40), cost, 10)
    gate.admit(1, ahead(5), timeout_seconds=0.07)

    for _ in range(60):
        cost.observe(1, 0.02)

    with pytest.raises(Overloaded, match="deadline"):
        gate.admit(1, ahead(5), timeout_seconds=0.07)
