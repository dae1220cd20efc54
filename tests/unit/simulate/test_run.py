"""Whole simulations: pods that start, queues that pile up, outages, scale to zero, and what the report makes of it."""

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.load import slo
from services.load.schedule import PROFILES
from services.simulate import fleet, observed, plot, text
from services.simulate.hpa import HpaScaler
from services.simulate.hpa_spec import Behavior, Hpa, Metric, Target
from services.simulate.keda import KedaScaler
from services.simulate.keda_spec import Fallback, Keda, Trigger
from services.simulate.manifest import Found
from services.simulate.pods import Pods
from services.simulate.queueing import Replica
from services.simulate.report import report
from services.simulate.run import Run, Timing, simulate
from services.simulate.trace import Trace, of_segments
from services.simulate.world import Fixed
from tests.unit.simulate.worlds import FAST, hpa

REPLICA = Replica(0.01)  # 100 requests per second
OBJECTIVES = slo.parse("p99=100ms,errors=1%")


def even(rate, seconds, states=None):
    return Trace(np.full(seconds, float(rate)), np.zeros(seconds, np.int8) if states is None else np.array(states))


def keda(**more):
    fallback = Fallback(3, 2, "currentReplicasIfHigher")
    return KedaScaler(
        Keda(hpa(behavior=Behavior()), (Trigger("load", ignore_null=False),), 1, fallback=fallback, **more)
    )


def test_what_exceeds_capacity_piles_up_and_is_refused_beyond_the_accepted_wait():
    run = simulate(even(150, 20), Fixed(1), Replica(0.01, max_wait_seconds=1), Timing())
    found = report(run, OBJECTIVES)

    # Fifty a second pile up until a second's work waits.
    assert run.piled[:3].tolist() == [50, 100, 100]
    assert run.refused[:3].tolist() == [0, 0, 50]
    assert found.refused == pytest.approx(18 * 50)
    assert [verdict.kept for verdict in found.verdicts] == [False, False]
    assert found.over_seconds == {"p99": 20}
    assert found.replica_hours == pytest.approx(20 / 3600)


def test_pods_serve_only_after_their_cold_start():
    metric = Metric("cpu", Target("Utilization", 50), cpu=True, request_milli=1000)
    run = simulate(even(90, 120), HpaScaler(Hpa(1, 8, (metric,), Behavior())), REPLICA, Timing(40, 15))

    grown = int(np.argmax(run.replicas > 1))
    assert (grown, run.replicas[grown]) == (15, 2)
    assert int(np.argmax(run.ready > 1)) == 15 + 40


def test_who_is_not_ready_is_removed_first_and_nobody_twice():
    pods = Pods(3, 20)
    pods.scale(100, 10)
    pods.scale(110, 4)

    assert (pods.total, pods.ready(115), pods.ready(120)) == (4, 3, 4)
    pods.scale(130, 1)
    assert (pods.total, pods.ready(130), pods.next_ready_seconds(130)) == (1, 1, float("inf"))


def test_new_pods_are_missing_then_not_ready_then_measured():
    pods = Pods(2, 20)
    pods.scale(0, 5)

    assert [pods.seen(now, 15) for now in (15, 30, 45, 50)] == [(2, 0, 3), (2, 3, 0), (2, 3, 0), (5, 0, 0)]


def test_nothing_shrinks_while_prometheus_is_away():
    states = [0] * 600 + [1] * 1800 + [0] * 1200
    rates = np.where(np.arange(3600) < 700, 500.0, 20.0)
    run = simulate(Trace(rates, np.array(states, np.int8)), keda(), REPLICA, Timing())

    before, during, after = run.replicas[600], run.replicas[600:2400], run.replicas[-1]
    assert before > 4 and (np.diff(during) >= 0).all()
    assert after < before


def test_a_missing_series_that_is_ignored_shrinks_everything():
    trigger = Trigger("load", ignore_null=True)
    scaler = KedaScaler(Keda(hpa(), (trigger,), 1))
    run = simulate(even(500, 600, [0] * 300 + [2] * 300), scaler, REPLICA, Timing())

    assert run.replicas[299] > 1 and run.replicas[-1] == 1


def test_without_a_replica_all_is_refused_and_every_second_is_over():
    found = report(simulate(even(10, 60), Fixed(0), REPLICA, Timing()), OBJECTIVES)

    assert (found.error_ratio, found.latency_seconds, found.over_seconds) == (1.0, {}, {"p99": 60})
    assert [verdict.found for verdict in found.verdicts] == [None, 1.0]
    assert "no good answer" in "\n".join(text.lines(found))


def test_a_days_quantiles_lie_between_those_of_its_seconds():
    found = report(simulate(of_segments(PROFILES["day"](10, 300, 7200)), HpaScaler(hpa()), REPLICA, Timing()), [])

    p99 = [line.p99_seconds for line in found.timeline]
    assert min(p99) <= found.latency_seconds["p99"] <= max(p99)
    assert list(found.latency_seconds.values()) == sorted(found.latency_seconds.values())
    assert found.timeline[-1].second == 7185


@given(
    st.lists(st.tuples(st.floats(0, 3000), st.integers(0, 2)), min_size=30, max_size=90),
    st.sampled_from([0.0, 7.5, 40.0]),
    st.integers(1, 5),
)
def test_replicas_stay_in_bounds_and_every_request_is_accounted_for(points, cold_start_seconds, least):
    rates = np.repeat([rate for rate, _ in points], 10)
    states = np.repeat(np.array([state for _, state in points], np.int8), 10)
    scaler = KedaScaler(Keda(hpa(least=least, most=9), (Trigger("load"),), least, fallback=Fallback(3, 30)))

    run = simulate(Trace(rates, states), scaler, REPLICA, Timing(cold_start_seconds, 15))

    assert ((run.replicas >= least) & (run.replicas <= 9) & (run.ready <= run.replicas)).all()
    assert (run.refused >= 0).all() and (run.piled >= 0).all()
    capacity = run.ready.sum() * REPLICA.rate
    assert rates.sum() <= run.refused.sum() + run.piled[-1] + capacity + 1e-6
    assert report(run, OBJECTIVES).requests == pytest.approx(rates.sum())


def test_a_larger_fleet_of_replicas_costs_no_more_to_simulate():
    trace = of_segments(PROFILES["day"](20, 600, 3600)).scaled(1000)
    run = simulate(trace, HpaScaler(hpa(most=100_000)), REPLICA, Timing())

    assert run.replicas.max() > 1000
    assert report(run, OBJECTIVES).seconds == 3600


def test_a_simulation_against_itself_is_not_apart_and_a_shift_is_found():
    trace = of_segments(PROFILES["spike"](10, 400, 1200))
    run = simulate(trace, HpaScaler(hpa()), REPLICA, Timing())
    later = np.concatenate([np.full(30, run.ready[0]), run.ready[:-30]])

    same = observed.compare(run, observed.Observed(trace, run.ready))
    shifted = observed.compare(run, observed.Observed(trace, later))
    other = observed.compare(run, observed.Observed(trace, run.ready + 90))

    assert (same.most_replicas, same.most_shift_seconds, same.unmatched, same.replica_hours) == (0, 0, 0, 1.0)
    assert shifted.most_shift_seconds == 30 and shifted.most_replicas > 0
    assert (same.most_replicas_shifted, shifted.most_replicas_shifted, other.most_replicas_shifted) == (0, 0, 90)
    assert other.most_replicas == 90 and other.unmatched == other.changes


@pytest.mark.parametrize(
    ("seen", "apart"),
    [
        ([1] * 90 + [3] * 20 + [6] * 90, 0),  # by way of three
        ([1] * 90 + [3] * 45 + [6] * 65, 3),  # ... where it stays longer than counts as the same time
        ([1] * 100 + [8] * 20 + [6] * 80, 2),
        ([1] * 200, 5),
    ],
)
def test_steps_between_two_numbers_are_not_apart(seen, apart):
    trace = even(100, 200)
    jumps = np.repeat([1.0, 6.0], 100)
    run = msgspec.structs.replace(simulate(trace, Fixed(1), REPLICA, Timing()), ready=jumps)

    assert observed.compare(run, observed.Observed(trace, np.array(seen, float))).most_replicas_shifted == apart


@pytest.mark.parametrize("phase_seconds", [0, 6, 12])
def test_the_phase_of_an_autoscaler_is_found_in_what_it_did(phase_seconds):
    trace = of_segments(PROFILES["ramp"](10, 400, 600))

    def run_at(phase_seconds: int) -> Run:
        return simulate(trace, HpaScaler(hpa()), REPLICA, Timing(), replicas=1, phase_seconds=phase_seconds)

    seen = observed.Observed(trace, run_at(phase_seconds).ready)
    run, found = observed.nearest(run_at, seen)

    assert (found.phase_seconds, found.most_shift_seconds, found.most_replicas) == (phase_seconds, 0, 0)
    assert (run.ready == seen.replicas).all() and len(run.ready) == len(trace)
    assert found.farthest_shifted == max(
        observed.compare(run_at(at), seen).most_replicas_shifted for at in range(0, 30, 3)
    )


def test_a_picture_shows_one_or_two_and_what_was_observed(tmp_path):
    run = simulate(even(150, 120), Fixed(1), REPLICA, Timing())
    found = report(run, OBJECTIVES)

    for name in ("one.svg", "two.svg"):
        plot.draw(tmp_path / name, "a & b", [("x", found), ("y", found)], OBJECTIVES, ([0, 60], [1, 2]))

    drawn = (tmp_path / "one.svg").read_text()
    assert drawn == (tmp_path / "two.svg").read_text()
    assert all(word in drawn for word in ("a &amp; b", "replicas of x", "p99 of y", "observed", "p99 wanted at most"))


def test_text_says_what_is_simulated():
    cpu = Metric("cpu", Target("Utilization", 75), cpu=True, request_milli=250)
    spec = Hpa(1, 6, (cpu, *hpa().metrics), FAST)

    assert text.scaler(Found("x", "HorizontalPodAutoscaler", spec)) == (
        "x: HorizontalPodAutoscaler, 1 to 6 replicas by CPU at 75 % of 250m, load at 4.00 each"
    )
    assert text.scaler(Found("x", "Deployment without autoscaler", 3)).endswith("autoscaler, 3 replicas")


def test_a_fleet_adds_up_and_counts_its_nodes(tmp_path):
    members = fleet.parse("name,manifest,trace,scale\na,a.yaml,a.csv,\nb,b.yaml,b.csv,2\n", tmp_path)
    runs = {
        "a": simulate(even(10, 60), Fixed(3), REPLICA, Timing()),
        "b": simulate(even(900, 90), Fixed(4), REPLICA, Timing()),
    }

    total, reports = fleet.total(members, lambda one: (report(runs[one.name], OBJECTIVES), runs[one.name].replicas), 4)

    assert [one.scale for one in members] == [1.0, 2.0]
    assert (total.services, total.replicas_most, total.nodes_most, total.missed) == (2, 7, 2, ["b"])
    assert total.replica_hours == pytest.approx((3 * 60 + 4 * 90) / 3600)
    assert text.fleet(total, reports)[2].endswith("MISSED")
