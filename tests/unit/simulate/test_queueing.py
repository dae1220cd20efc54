"""One replica as a queue: textbook values, and a simulated queue beside it."""

import math

import numpy as np
import pytest

from services.simulate.queueing import Queue, Replica, erlang_c


def at(*values):
    return np.array(values, dtype=float)


def test_erlangs_formula_has_its_textbook_values():
    used = at(0.1, 0.5, 0.9)

    assert erlang_c(used, 1) == pytest.approx(used)
    assert erlang_c(used, 2) == pytest.approx(2 * used**2 / (1 + used))
    # Two erlangs on three servers: 4/9.
    assert erlang_c(at(2 / 3), 3) == pytest.approx([4 / 9])


def test_with_one_server_and_exponential_service_latency_is_exponential():
    queue = Queue(Replica(0.01))

    for percent in (50.0, 99.0):
        wanted = -math.log(1 - percent / 100) / (100 - 80)
        assert queue.quantile_seconds(percent, at(0.8), at(0)) == pytest.approx([wanted], rel=1e-3)
    assert queue.length(at(0.8)) == pytest.approx([0.8**2 / 0.2], rel=1e-3)


@pytest.mark.parametrize(("cv", "servers", "used"), [(1.0, 4, 0.7), (0.0, 1, 0.6), (0.5, 3, 0.8)])
def test_latency_is_near_that_of_a_simulated_queue(cv, servers, used):
    random, count, service = np.random.default_rng(1), 60_000, 0.01
    queue = Queue(Replica(service, servers, service_cv=cv, max_wait_seconds=60))
    arrivals = np.cumsum(random.exponential(service / servers / used, count))
    services = (1 - cv) * service + random.exponential(cv * service, count) if cv else np.full(count, service)
    free, latencies = [0.0] * servers, []
    for arrival, seconds in zip(arrivals.tolist(), services.tolist(), strict=True):
        first = min(range(servers), key=free.__getitem__)
        free[first] = max(free[first], arrival) + seconds
        latencies.append(free[first] - arrival)

    for percent in (50.0, 99.0):
        found = queue.quantile_seconds(percent, at(used), at(0))[0]
        assert found == pytest.approx(float(np.percentile(latencies[1000:], percent)), rel=0.15)


def test_a_quantile_and_the_share_that_is_slower_agree():
    for cv in (0.0, 0.3, 1.0):
        queue = Queue(Replica(0.02, 2, service_cv=cv))
        for used in (0.0, 0.3, 0.7, 0.9):
            found = queue.quantile_seconds(99.0, at(used), at(0))
            assert queue.slower(found + 1e-6, at(used))[0] <= 0.0101


def test_latency_grows_with_load_and_is_bounded_by_the_accepted_wait():
    queue = Queue(Replica(0.01, 2, max_wait_seconds=0.3))
    found = queue.quantile_seconds(99.0, np.linspace(0, 1, 50), at(0))

    assert (np.diff(found) >= 0).all()
    assert queue.quantile_seconds(99.0, at(1), at(99))[0] == pytest.approx(0.3 + found[0])
