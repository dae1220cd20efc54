"""KEDA: fallback, activation, the way to zero and back, cron."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.simulate.cron import Window
from services.simulate.hpa_spec import Hpa, Metric, Target
from services.simulate.keda import KedaScaler
from services.simulate.keda_spec import Fallback, Keda, Trigger
from services.simulate.world import Gone
from tests.unit.simulate.worlds import FAST, Said, follow, hpa

DOWN, EMPTY = Gone.DOWN, Gone.EMPTY


def keda(least=1, fallback=None, trigger=None, **more):
    trigger = trigger or Trigger("load", ignore_null=False)
    return KedaScaler(Keda(hpa(max(1, least)), (trigger,), least, fallback=fallback, **more))


def test_without_fallback_an_outage_freezes_the_number():
    assert follow(keda(), Said(5, 20.0), [20.0, DOWN, DOWN, DOWN, DOWN, 4.0]) == [5, 5, 5, 5, 5, 1]


@pytest.mark.parametrize(
    ("behavior", "start", "ends"),
    [
        ("static", 5, 3),
        ("static", 2, 3),
        ("currentReplicas", 5, 5),
        ("currentReplicasIfHigher", 5, 5),
        ("currentReplicasIfHigher", 2, 3),
        ("currentReplicasIfLower", 5, 3),
        ("currentReplicasIfLower", 2, 2),
    ],
)
def test_fallback_stands_in_after_more_failures_than_its_threshold(behavior, start, ends):
    scaler = keda(fallback=Fallback(3, 3, behavior))

    found = follow(scaler, Said(start), [DOWN] * 4)

    # Both the poll each 30 s and the HPA each 15 s count: the fourth failure comes with the second poll.
    assert found == [start, start, ends, ends]


def test_fallback_of_a_value_is_shared_by_who_is_ready():
    metric = Metric("load", Target("Value", 4000), hpa().metrics[0].signal)
    scaler = KedaScaler(Keda(Hpa(1, 20, (metric,), FAST), (Trigger("load"),), 1, fallback=Fallback(1, 6)))

    assert follow(scaler, Said(3), [DOWN] * 3)[-1] == 6


def test_one_good_answer_starts_the_count_again():
    scaler = keda(fallback=Fallback(3, 9))

    assert follow(scaler, Said(5), [DOWN, DOWN, 20.0, DOWN, DOWN, 20.0]) == [5] * 6


def test_a_missing_series_is_zero_only_where_null_is_ignored():
    assert follow(keda(trigger=Trigger("load", ignore_null=True)), Said(5), [EMPTY]) == [1]
    assert follow(keda(trigger=Trigger("load", ignore_null=False)), Said(5), [EMPTY]) == [5]


def test_it_goes_to_zero_after_the_cooldown_and_back_when_active():
    scaler = keda(least=0, cooldown_seconds=60)

    found = follow(scaler, Said(1), [4.0, 4.0, 4.0, *[0.0] * 5, 1.0, 1.0, 1.0])

    # Active last at the poll at 30 s; more than 60 s later is the poll at 120 s, but then it is active again.
    assert found == [1] * 11

    found = follow(scaler, Said(1), [4.0, *[0.0] * 9])
    assert found.index(0) * 15 % 30 == 0


def test_activation_has_its_own_threshold():
    asleep, awake = (keda(least=0, trigger=Trigger("load", activation=10.0)) for _ in range(2))

    assert follow(asleep, Said(0), [9.0] * 4) == [0] * 4
    assert follow(awake, Said(0), [11.0] * 2) == [1, 3]


def test_it_wakes_to_its_minimum_from_idle():
    scaler = keda(least=3, idle_replicas=0, cooldown_seconds=0)

    assert follow(scaler, Said(0), [1.0, 1.0]) == [3, 3]


def test_failing_triggers_keep_it_from_zero_only_with_a_fallback_or_not_at_all():
    scaler = keda(least=0, cooldown_seconds=0, fallback=Fallback(100, 0))

    # Failures with a fallback to no replica: as if it were idle.
    assert follow(scaler, Said(2), [DOWN] * 4)[-1] == 0
    assert follow(keda(least=0, cooldown_seconds=0), Said(2), [DOWN] * 4) == [2] * 4


def test_cached_metrics_are_those_of_the_last_poll():
    live, cached = keda(), keda(trigger=Trigger("load", cached=True))

    assert follow(live, Said(1), [4.0, 40.0]) == [1, 10]
    assert follow(cached, Said(1), [4.0, 40.0, 40.0]) == [1, 1, 10]


def test_a_cron_trigger_wants_its_replicas_in_its_window():
    window = Window("0 8 * * *", "0 18 * * *", "Europe/Berlin", datetime(2026, 1, 5, 6, 59, 30, tzinfo=UTC))
    metric = Metric("day", Target("AverageValue", 1000))
    scaler = KedaScaler(Keda(Hpa(1, 20, (metric,), FAST), (Trigger("day", window=window, window_replicas=7),), 1))

    assert follow(scaler, Said(1), [0.0] * 4) == [1, 1, 7, 7]


@given(
    st.lists(st.floats(0, 400) | st.sampled_from([DOWN, EMPTY]), max_size=40),
    st.sampled_from(["static", "currentReplicas", "currentReplicasIfHigher", "currentReplicasIfLower"]),
    st.integers(0, 3),
    st.integers(0, 30),
)
def test_its_bounds_hold_whatever_happens(values, behavior, least, replicas):
    found = follow(keda(least=least, fallback=Fallback(2, replicas, behavior)), Said(max(1, least)), values)

    assert all(least <= one <= 20 for one in found)


@given(st.integers(1, 20), st.integers(1, 60), st.integers(0, 25))
def test_an_outage_with_current_replicas_if_higher_never_shrinks_it(start, looks, replicas):
    found = follow(keda(fallback=Fallback(3, replicas, "currentReplicasIfHigher")), Said(start), [DOWN] * looks)

    assert found == sorted(found) and found[0] == start
