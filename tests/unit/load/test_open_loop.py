"""The open loop, on a clock that is passed in."""

import numpy as np
import pytest

from services.load import open_loop
from services.load.record import TIMED_OUT, UNSENT, Recording
from services.load.report import report
from services.load.schedule import PROFILES, times
from tests.unit.load.simulated import OK, Simulated


def run(*, rate=100.0, seconds=10.0, timeout_seconds=10.0, on_look=None, **server):
    recording = Recording(seconds=seconds)
    sender = Simulated(recording, **server)
    due = times(PROFILES["constant"](rate, rate, seconds)).tolist()
    looks = {"on_look": on_look} if on_look else {}
    open_loop.run(sender, due, recording, timeout_seconds=timeout_seconds, **looks)
    return recording


def test_requests_leave_at_their_times():
    recording = run()

    assert recording.counts() == {OK: 1000}
    assert np.array(recording.sent) == pytest.approx(np.arange(1000) / 100, abs=1e-9)
    assert max(recording.lateness) == pytest.approx(0, abs=1e-9)


def test_a_stall_of_a_second_shows_in_every_request_that_it_delayed():
    """What a client that waits for each answer would measure is one slow request of 900: coordinated omission."""
    found = report(run(stall=(4.0, 1.0)), [])

    assert found.latency_seconds["p50"] == pytest.approx(0.001)
    assert found.latency_seconds["p90"] >= 0.09
    assert found.latency_seconds["p99"] >= 0.9
    assert found.latency_seconds["largest"] == pytest.approx(1.001, abs=0.01)
    assert [line.second for line in found.timeline if line.p50_seconds > 0.1] == [4]
    assert found.lateness_seconds["largest"] < 1e-6, "the stall was the server's"


def test_requests_leave_at_their_times_while_the_server_stalls():
    recording = run(stall=(4.0, 1.0))

    assert np.array(recording.sent) == pytest.approx(np.arange(1000) / 100, abs=1e-9)


def test_a_generator_that_cannot_keep_up_says_so():
    found = report(run(rate=100, seconds=2, send_seconds=0.02), [])

    assert found.lateness_seconds["p99"] == pytest.approx(2.0, rel=0.1)
    assert not found.kept_up
    assert found.wanted_rate == 100
    assert found.sent_rate == pytest.approx(50, rel=0.05)


def test_a_generator_that_is_a_little_late_is_good_enough():
    recording = Recording(seconds=1.0)
    for index in range(100):
        recording.lateness.append(0.002)
        recording.add(index / 100, 0.010, OK)

    assert report(recording, []).kept_up
    assert not report(recording, [], late_seconds=0.001).kept_up


def test_more_than_the_connections_wait_and_their_latency_grows():
    recording = run(rate=100, seconds=1, service_seconds=0.1, connections=2)

    assert recording.counts() == {OK: 100}
    assert max(recording.latency) == pytest.approx(100 * 0.1 - 0.99, abs=0.2)
    assert max(recording.lateness) < 1e-6, "waiting for a connection is not the generator's lateness"


def test_what_waits_for_a_connection_for_too_long_is_not_sent():
    recording = run(rate=100, seconds=1, service_seconds=0.1, connections=2, timeout_seconds=1.0)

    counts = recording.counts()
    assert set(counts) == {OK, UNSENT, TIMED_OUT}
    assert sum(counts.values()) == 100
    assert len(recording.sent) == counts[OK] + counts[TIMED_OUT]


def test_what_is_not_answered_in_time_is_given_up():
    counts = run(rate=10, seconds=2, service_seconds=5.0, timeout_seconds=0.5).counts()

    assert counts == {TIMED_OUT: 20}


def test_a_run_that_is_stopped_ends_at_once_with_what_is_there():
    recording = run(service_seconds=0.5, on_look=lambda now: 0.0 if now >= 3 else None)
    recording.seconds = 3.0
    found = report(recording, [])

    assert found.wanted == pytest.approx(300, abs=15)
    assert found.answered == pytest.approx(6, abs=1)
    assert found.unfinished == found.wanted - found.answered


def test_a_run_can_end_its_sending_and_still_take_in_the_answers():
    recording = run(seconds=10, service_seconds=0.011, on_look=lambda now: 5.0 if now >= 3 else None)

    assert len(recording.lateness) == len(recording.outcome) == pytest.approx(300, abs=15)
