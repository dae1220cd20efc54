"""What one metric asks for: the cases of Kubernetes' own tests of its replica calculator, as sums."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.simulate.hpa_spec import DOWN, UP, Behavior, Metric, Rules, Target
from services.simulate.replicas import PodMetrics, by_pods, by_sum


def cpu(percent, request_milli=1000):
    return Metric("cpu", Target("Utilization", percent), cpu=True, request_milli=request_milli)


PLAIN = Metric("rate", Target("AverageValue", 15_000))


@pytest.mark.parametrize(
    ("metric", "current", "pods", "wanted"),
    [
        pytest.param(cpu(30), 3, PodMetrics(1500, 3), 5, id="scale up"),
        pytest.param(cpu(30), 3, PodMetrics(1200, 2, unready=1), 4, id="scale up, one not ready"),
        pytest.param(cpu(50), 5, PodMetrics(1400, 5), 3, id="scale down"),
        pytest.param(cpu(50), 5, PodMetrics(900, 3, unready=2), 2, id="scale down does not look at who is not ready"),
        pytest.param(cpu(100), 3, PodMetrics(3000, 3), 3, id="exact"),
        pytest.param(cpu(100), 3, PodMetrics(3290, 3), 3, id="near enough"),
        pytest.param(cpu(100), 4, PodMetrics(495, 2, missing=2), 3, id="missing pods use all on the way down"),
        pytest.param(cpu(100), 2, PodMetrics(1000, 1, missing=1), 2, id="missing, exact"),
        pytest.param(cpu(100), 2, PodMetrics(1900, 1, missing=1), 2, id="missing turns the direction"),
        pytest.param(cpu(100), 2, PodMetrics(600, 1, missing=1), 2, id="missing keeps one"),
        pytest.param(cpu(50), 3, PodMetrics(450, 1, unready=1, missing=1), 3, id="missing and not ready, no change"),
        pytest.param(cpu(50), 3, PodMetrics(2000, 1, unready=1, missing=1), 4, id="missing and not ready, up"),
        pytest.param(cpu(50), 4, PodMetrics(200, 2, unready=1, missing=1), 3, id="missing and not ready, down"),
        pytest.param(cpu(300), 4, PodMetrics(1600, 2, missing=2), 3, id="missing use the target above 100 %"),
        pytest.param(cpu(100), 3, PodMetrics(0, 0, missing=3), None, id="nothing measured"),
        pytest.param(PLAIN, 3, PodMetrics(60_000, 3), 4, id="a metric of pods"),
        pytest.param(PLAIN, 5, PodMetrics(45_000, 5), 3, id="a metric of pods, down"),
    ],
)
def test_metrics_of_pods_ask_for_what_kubernetes_says(metric, current, pods, wanted):
    assert by_pods(pods, metric, current, None) == wanted


@pytest.mark.parametrize(
    ("target", "current", "ready", "value", "wanted"),
    [
        (Target("Value", 4400), 1, 1, 8600, 2),
        (Target("Value", 14_334), 5, 5, 8600, 3),
        (Target("Value", 8888), 3, 3, 8600, 3),
        (Target("AverageValue", 2150), 3, 3, 8600, 4),
        (Target("AverageValue", 2867), 5, 5, 8600, 3),
        (Target("AverageValue", 2867), 3, 3, 8600, 3),
        (Target("Value", 4400), 0, 0, 8600, 2),
        (Target("AverageValue", 4400), 0, 0, 8600, 2),
    ],
)
def test_one_number_for_all_pods_asks_for_what_kubernetes_says(target, current, ready, value, wanted):
    assert by_sum(value, target, current, ready, None) == wanted


def test_each_direction_has_its_tolerance():
    behavior = Behavior(Rules(0, UP.policies, tolerance=0.0), Rules(300, DOWN.policies, tolerance=0.5))
    target = Target("AverageValue", 1000)

    assert by_sum(10_010, target, 10, 10, behavior) == 11
    assert by_sum(5_100, target, 10, 10, behavior) == 10
    assert by_sum(4_900, target, 10, 10, behavior) == 5


@given(st.integers(0, 10**7), st.integers(0, 10**7), st.integers(1, 10**5), st.integers(1, 100))
def test_more_of_a_metric_never_asks_for_fewer(one, other, amount, current):
    low, high = sorted((one, other))
    target = Target("AverageValue", amount)

    # Near the target the current number stands, which may be one fewer than what a value just below it asks for.
    assert by_sum(low, target, current, current, None) <= max(by_sum(high, target, current, current, None), current)


@given(st.integers(0, 10**6), st.integers(1, 50), st.integers(0, 50), st.integers(0, 50), st.integers(1, 500))
def test_missing_and_unready_pods_never_turn_the_direction(total, measured, unready, missing, percent):
    current = measured + unready + missing
    ratio = total * 100 // (1000 * measured) / percent

    wanted = by_pods(PodMetrics(total, measured, unready, missing), cpu(percent), current, None)

    if missing or (unready and ratio > 1):
        assert (wanted >= current) if ratio > 1 else (wanted <= current)
