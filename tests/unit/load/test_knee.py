"""The search for the knee, with servers whose knee is known."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.load import knee, slo
from services.load.knee import GeneratorTooSlow, Knee, Step, Watch
from services.load.record import LOST, Recording
from services.load.report import report
from services.load.slo import Objective

OBJECTIVES = slo.parse("p99=50ms,errors=1%")


def tried(rate, *, latency_seconds, late_seconds=0.0, in_flight=1.0):
    recording = Recording(seconds=1.0)
    recording.add(0.0, latency_seconds, 200)
    recording.lateness.append(late_seconds)
    return Step(rate, report(recording, OBJECTIVES), in_flight, by_server=True)


@given(st.floats(0.5, 20_000))
def test_the_knee_is_found_from_below_and_to_a_tenth(capacity):
    asked = []

    found = knee.search(1, 10_000, lambda rate: asked.append(rate) or rate <= capacity)

    if capacity < 1:
        assert found is None
    else:
        assert found <= capacity
        assert found * knee.PRECISION >= min(capacity, 10_000)
    assert len(asked) <= 20


def test_a_single_stall_does_not_decide():
    stalls = iter([False, True] + [False] * 100)

    def measure(rate):
        slow = rate > 80 or next(stalls)
        return tried(rate, latency_seconds=1.0 if slow else 0.01)

    found = knee.find(measure, 10, 1000)

    assert 80 / knee.PRECISION <= found.rate <= 80


def test_what_to_scale_by_is_measured_at_70_percent_of_the_knee():
    asked = []

    def measure(rate):
        asked.append(rate)
        return tried(rate, latency_seconds=0.01 if rate <= 100 else 1.0, in_flight=rate / 10.7)

    found = knee.find(measure, 10, 1000)

    assert asked[-1] == pytest.approx(0.7 * found.rate)
    assert found.target == float(f"{0.7 * found.rate / 10.7:.2g}")
    assert not found.is_highest


def test_a_server_that_takes_everything_allowed_has_its_knee_above():
    found = knee.find(lambda rate: tried(rate, latency_seconds=0.01), 10, 100)

    assert found.is_highest
    assert found.rate == 100


def test_a_server_that_is_always_too_slow_has_no_knee():
    assert knee.find(lambda rate: tried(rate, latency_seconds=1.0), 10, 100) is None


def test_a_generator_that_was_late_says_nothing_of_the_server():
    def measure(rate):
        return tried(rate, latency_seconds=0.01 if rate < 500 else 1.0, late_seconds=0.0 if rate < 500 else 0.9)

    with pytest.raises(GeneratorTooSlow, match="640"):
        knee.find(measure, 10, 10_000)


def test_failing_requests_are_an_objective_even_if_nobody_says_so():
    assert knee.with_errors(slo.parse("p99=1s"))[-1] == Objective("errors", knee.ERROR_RATIO)
    assert knee.with_errors(OBJECTIVES) == OBJECTIVES


@given(st.lists(st.tuples(st.floats(0, 0.1), st.sampled_from([200, 200, 200, 429, LOST])), min_size=1, max_size=200))
def test_what_is_ended_early_would_have_missed(entries):
    recording = Recording(seconds=1.0)
    watch = Watch(recording, OBJECTIVES, len(entries))
    ended = False
    for latency, outcome in entries:
        recording.add(0.0, latency, outcome)
        ended = ended or watch.is_missed()

    assert ended is not report(recording, OBJECTIVES).kept or not ended


def test_a_rate_far_above_the_knee_is_ended_early():
    recording = Recording(seconds=1.0)
    watch = Watch(recording, OBJECTIVES, 1000)
    for _ in range(10):
        recording.add(0.0, 1.0, 200)
    assert not watch.is_missed()

    recording.add(0.0, 1.0, 200)

    assert watch.is_missed()


@pytest.mark.parametrize(
    ("engine", "lines"),
    [
        ("fastapi", ["autoscaling:", "  keda:", "    inFlightPerReplica: 4.2"]),
        ("", ["autoscaling:", "  keda:", "    inFlightPerReplica: 4.2"]),
        ("ray", ["serve:", "  autoscaling:", "    target_ongoing_requests: 4.2"]),
    ],
)
def test_values_are_those_of_the_engines_chart(engine, lines):
    found = Knee(100.0, False, tried(70.0, latency_seconds=0.01, in_flight=4.2345))

    written = knee.values(found, engine, "one\ntwo")

    assert written.splitlines() == ["# one", "# two", *lines]
