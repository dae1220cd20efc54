"""What a run is expected to take: fixed + rows x per row, and a drift that follows what is observed."""

import pytest

from services.core.cost import DRIFT_BOUNDS, Cost

COST = ((1, 0.011), (101, 0.111))  # 10 ms and 1 ms a row


def test_what_was_measured_is_expected():
    cost = Cost(COST)

    assert cost.seconds(1) == pytest.approx(0.011)
    assert cost.seconds(101) == pytest.approx(0.111)
    assert cost.seconds(51) == pytest.approx(0.061)


def test_a_queue_pays_the_fixed_part_for_every_run():
    assert Cost(COST).queue_seconds(25, batch_rows=10) == pytest.approx(3 * 0.010 + 25 * 0.001)
    assert Cost(COST).queue_seconds(0, batch_rows=10) == 0


@pytest.mark.parametrize("measured", [((1, 0.01), (100, 0.005)), ((1, 0.0), (100, 0.0)), ((1, 0.5),), ((4, 0.0),)])
def test_a_measurement_that_shrinks_or_is_alone_gives_no_negative_cost(measured):
    cost = Cost(measured)

    assert all(cost.seconds(rows) >= 0 for rows in (0, 1, 50, 100_000))


def test_slower_runs_raise_the_expectation_step_by_step():
    cost, expected = Cost(COST), [0.011]

    for _ in range(60):
        cost.observe(1, 0.022)
        expected.append(cost.seconds(1))

    assert expected == sorted(expected)
    assert expected[1] < 0.013
    assert expected[-1] == pytest.approx(0.022, rel=0.01)


def test_the_drift_goes_back_when_the_runs_do():
    cost = Cost(COST)
    for _ in range(60):
        cost.observe(1, 1.0)

    for _ in range(60):
        cost.observe(1, 0.011)

    assert cost.seconds(1) == pytest.approx(0.011, rel=0.02)


@pytest.mark.parametrize(("seconds", "bound"), [(0.0, DRIFT_BOUNDS[0]), (1e9, DRIFT_BOUNDS[1])])
def test_no_observation_moves_the_expectation_beyond_its_bounds(seconds, bound):
    cost = Cost(COST)

    for _ in range(500):
        cost.observe(1, seconds)

    assert cost.seconds(1) == pytest.approx(0.011 * bound, rel=0.01)


def test_a_model_without_any_cost_stays_so():
    cost = Cost([(1, 0.0)])

    cost.observe(1, 5.0)

    assert cost.seconds(100) == 0
