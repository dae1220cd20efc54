"""The autoscaler with its memory: windows, policies, bounds and metrics that fail."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.simulate.hpa import HpaScaler
from services.simulate.hpa_spec import DOWN, UP, Behavior, Hpa, Policy, Rules

ANY = st.integers(0, 60)
RULES = st.builds(
    Rules,
    window_seconds=st.sampled_from([0, 15, 60, 300]),
    policies=st.lists(
        st.builds(
            Policy,
            type=st.sampled_from(["Pods", "Percent"]),
            value=st.integers(1, 200),
            period_seconds=st.sampled_from([15, 30, 60]),
        ),
        min_size=1,
        max_size=3,
    ).map(tuple),
    select=st.sampled_from(["Max", "Min", "Disabled"]),
)
BEHAVIORS = st.none() | st.builds(Behavior, up=RULES, down=RULES)


def replay(behavior, proposals, start=1, least=1, most=100):
    """Return the number of replicas after each look; a proposal is one number, or several of metrics."""
    scaler = HpaScaler(Hpa(least, most, (), behavior))
    current, found = start, []
    for number, proposal in enumerate(proposals):
        asked = proposal if isinstance(proposal, list) else [proposal]
        current = scaler.settle(number * 15.0, current, lambda asked=asked: asked)
        found.append(current)
    return found


def down(*policies, window_seconds=0, select="Max"):
    return Behavior(down=Rules(window_seconds, policies, select))


def test_by_default_four_pods_or_all_again_may_come_in_15_seconds():
    assert replay(Behavior(), [100] * 5) == [5, 10, 20, 40, 80]


def test_without_behavior_twice_as_many_or_four_may_come_at_once():
    assert replay(None, [100] * 6) == [4, 8, 16, 32, 64, 100]


def test_without_behavior_the_highest_of_five_minutes_stands():
    found = replay(None, [10, 10] + [1] * 25, start=10)

    # The last recommendation of ten was made at 15 s, and counts until 315 s.
    assert found.index(1) == 22
    assert set(found[:22]) == {10}


def test_a_window_down_counts_from_the_highest_recommendation_in_it():
    found = replay(Behavior(), [10, 10] + [1] * 25, start=10)

    # A recommendation that is exactly 300 s old counts no more.
    assert found.index(1) == 21
    assert set(found[:21]) == {10}


def test_a_window_up_takes_the_lowest_recommendation_in_it():
    behavior = Behavior(up=Rules(60, UP.policies))

    assert replay(behavior, [20] * 6, start=2) == [2, 2, 2, 2, 6, 12]


def test_ten_percent_a_minute_leave_90_then_81():
    found = replay(down(Policy("Percent", 10, 60)), [1] * 13, start=100)

    # Rounded down: the first look takes ten, and the next ten percent come a minute later.
    assert found[::4] == [90, 81, 72, 64]
    assert found[0] == found[3]


def test_the_documented_pair_of_four_pods_and_ten_percent():
    """Of the Kubernetes documentation: ten percent of 80 is more than four pods, of 40 and fewer it is not."""
    behavior = down(Policy("Pods", 4, 60), Policy("Percent", 10, 60))

    assert replay(behavior, [10] * 5, start=80)[::4] == [72, 64]
    assert replay(behavior, [1] * 5, start=40)[::4] == [36, 32]


def test_min_selects_the_smaller_change_and_disabled_none():
    policies = Policy("Pods", 4, 60), Policy("Percent", 10, 60)

    assert replay(down(*policies, select="Min"), [10], start=80) == [76]
    assert replay(down(*policies, select="Disabled"), [10], start=80) == [80]
    assert replay(Behavior(up=Rules(0, UP.policies, "Disabled")), [10], start=2) == [2]


def test_what_came_and_went_in_the_period_counts_against_a_policy():
    behavior = Behavior(up=Rules(0, (Policy("Pods", 4, 60),)), down=Rules(0, (Policy("Pods", 100, 15),)))

    # Four came at the start; that two of them went gives no right to more than two until a minute has passed.
    assert replay(behavior, [20, 12, 20, 20, 20], start=10) == [14, 12, 14, 14, 18]


def test_outside_its_bounds_it_is_brought_to_them_whatever_the_metrics_say():
    assert replay(Behavior(), [None], start=9, most=5) == [5]
    assert replay(Behavior(), [None], start=1, least=3) == [3]


def test_with_no_replica_it_is_switched_off():
    assert replay(Behavior(), [10, 10], start=0) == [0, 0]


def test_a_failing_metric_lets_it_grow_and_not_shrink():
    assert replay(down(Policy("Pods", 9, 15)), [[None, 8], [None, 2], [None, None], [2, 2]], start=4) == [8, 8, 8, 2]


def test_the_highest_of_several_metrics_counts():
    assert replay(Behavior(), [[3, 5, 4]], start=4) == [5]


def test_policies_bounds_and_the_window_up_hold_together():
    assert replay(Behavior(up=Rules(30, UP.policies)), [90, 2, 90, 90, 90], start=2, most=8) == [2, 2, 2, 6, 8]


@given(BEHAVIORS, st.lists(st.lists(st.none() | ANY, min_size=1, max_size=3), max_size=40), ANY)
def test_the_bounds_hold_whatever_happens(behavior, proposals, start):
    found = replay(behavior, proposals, start=max(start, 1), least=2, most=40)

    assert all(2 <= replicas <= 40 for replicas in found)


@given(BEHAVIORS, st.lists(ANY, max_size=40), st.integers(2, 40))
def test_while_a_metric_fails_there_are_never_fewer(behavior, others, start):
    found = replay(behavior, [[None, other] for other in others], start=start, least=2, most=40)

    assert found == sorted(found)


@given(st.sampled_from([15, 60, 300]), st.lists(st.integers(1, 40), min_size=1, max_size=60))
def test_never_fewer_than_were_recommended_within_the_window(window_seconds, proposals):
    found = replay(Behavior(down=Rules(window_seconds, DOWN.policies)), proposals, start=proposals[0], most=40)

    before = proposals[0]
    for at, replicas in enumerate(found):
        looks = range(max(0, at - window_seconds // 15 + 1), at + 1)
        assert replicas >= min(before, *(max(proposals[look] for look in looks),))
        before = replicas


@given(st.lists(st.tuples(st.integers(1, 9), st.sampled_from([15, 30, 60])), min_size=1, max_size=3), st.booleans())
def test_policies_of_pods_hold_over_each_of_their_periods(limits, up):
    rules = Rules(0, tuple(Policy("Pods", value, seconds) for value, seconds in limits), "Min")
    found = replay(Behavior(up=rules, down=rules), [1000 if up else 1] * 20, start=500, most=1000)

    for value, seconds in limits:
        looks = seconds // 15
        assert all(abs(after - before) <= value for before, after in zip(found, found[looks:], strict=False))
    assert found[-1] != 500


@pytest.mark.parametrize("behavior", [None, Behavior()])
def test_an_even_recommendation_changes_nothing(behavior):
    assert replay(behavior, [7] * 50, start=7) == [7] * 50
