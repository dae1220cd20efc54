"""Several processes on one machine: one address, one set of metrics, one end."""

import os
import signal
import time
from functools import partial

import httpx
import pytest

from tests.service.load import pooled, together
from tests.service.metrics import samples_of, value_of
from tests.service.server import is_alive
from tests.service.shapes import answer_of
from tests.service.waiting import until

REQUESTS = 60
CLIENTS = 16
# BentoML looks for dead workers every ten seconds, and a start takes a few.
SOON_SECONDS = 60.0
# Linux acknowledges after 40 ms what nothing is sent back for.
ACKNOWLEDGED_SECONDS = 0.03


@pytest.fixture
def pair(start):
    """A server of two worker processes."""
    server = start(workers=2)
    until(lambda: len(_ready(server)) == 2, SOON_SECONDS, "both workers are ready")
    return server


def test_metrics_add_up_across_processes(pair, iris):
    _ask(pair, iris)

    with pair.client() as client:
        labels = {"model": iris.name, "version": "0", "route": "/predict", "code": "200"}
        # Another worker's numbers come a moment later.
        until(
            lambda: value_of(client, "inference_requests_total", **labels) == REQUESTS,
            SOON_SECONDS,
            lambda: "all counted",
        )
        assert (
            value_of(client, "inference_request_duration_seconds_count", model=iris.name, route="/predict") == REQUESTS
        )
        assert value_of(client, "inference_batch_rows_sum", model=iris.name) == REQUESTS
        assert value_of(client, "inference_requests_in_flight", model=iris.name) == 0
        ready = [sample for sample in samples_of(client) if sample.name == "inference_model_ready"]
        assert [sample.value for sample in ready] == [1]
        assert not any("pid" in sample.labels for sample in samples_of(client))


def test_sigterm_ends_every_process(pair, iris):
    _ask(pair, iris)
    workers = pair.children()

    pair.stop()

    assert len(workers) >= 2
    assert not any(is_alive(worker) for worker in workers)


def test_sigterm_under_load_answers_everything_that_was_accepted(start, iris):
    server = start("slow", workers=2, max_queue_seconds=60)
    with pooled(server.url) as client:
        calls = [partial(client.post, "/predict", json={"features": [float(n), 0.0, 0.0, 4.0]}) for n in range(40)]
        calls.insert(30, server.terminate)
        answers = together([partial(_quietly, call) for call in calls], clients=10)
    server.check_stopped()

    answered = [answer for answer in answers if answer is not None]
    assert answered
    assert {answer.status_code for answer in answered} <= {200, 503}


def test_a_killed_worker_is_started_again(pair, iris):
    victim, survivor = _ready(pair)
    os.kill(victim, signal.SIGKILL)

    until(lambda: len(_ready(pair) - {victim}) == 2, SOON_SECONDS, "a new worker is ready")

    _ask(pair, iris)
    assert survivor in pair.children()
    pair.stop()
    assert any(line["event"] == "worker died" for line in pair.lines())


def test_a_killed_worker_takes_only_what_it_had_in_flight_with_it(pair, iris):
    victim = min(_ready(pair))
    with pooled(pair.url) as client:
        calls = [partial(client.post, "/predict", json={"features": iris.rows[0]})] * (5 * REQUESTS)
        calls.insert(2 * REQUESTS, partial(os.kill, victim, signal.SIGKILL))
        answers = together([partial(_quietly, call) for call in calls], clients=CLIENTS)

    answered = [answer for answer in answers if answer is not None]
    assert len(answered) >= 5 * REQUESTS - CLIENTS
    assert {answer_of(answer)["prediction"] for answer in answered} == {iris.predictions[0]}


def test_a_worker_that_comes_later_takes_no_request_before_it_is_ready(pair, iris):
    victim = min(_ready(pair))
    os.kill(victim, signal.SIGKILL)
    deadline = time.monotonic() + SOON_SECONDS
    answers = []
    while len(_ready(pair) - {victim}) < 2:
        assert time.monotonic() < deadline, "a new worker is ready"
        with pooled(pair.url) as client:  # new connections, which any worker may accept
            answers += together([partial(client.post, "/predict", json={"features": iris.rows[0]})] * CLIENTS)

    assert {answer_of(answer)["prediction"] for answer in answers} == {iris.predictions[0]}


def test_a_dead_worker_leaves_no_gauge_behind(pair, iris):
    _ask(pair, iris)
    victim, _ = _ready(pair)
    with pair.client() as client:  # an answer is counted just after it was sent
        until(lambda: _answered(client, iris) == REQUESTS, SOON_SECONDS, "every answer is counted")
    os.kill(victim, signal.SIGKILL)
    until(lambda: len(_ready(pair) - {victim}) == 2, SOON_SECONDS, "a new worker is ready")

    with pair.client() as client:
        assert _answered(client, iris) == REQUESTS
        assert value_of(client, "inference_model_ready", model=iris.name) == 1


# An answer of the contract's is sent in one piece; one of FastAPI's own in two, its head and its body.
@pytest.mark.parametrize(("method", "path", "status"), [("POST", "/predict", 200), ("GET", "/nothing", 404)])
def test_an_answer_waits_for_no_acknowledgement(pair, iris, method, path, status):
    body = {"features": iris.rows[0]} if method == "POST" else None
    with pair.client() as client:
        answers = [client.request(method, path, json=body) for _ in range(REQUESTS)]

    assert {answer.status_code for answer in answers} == {status}
    assert min(answer.elapsed.total_seconds() for answer in answers[2:]) < ACKNOWLEDGED_SECONDS


def _answered(client, iris):
    return value_of(client, "inference_requests_total", model=iris.name, code="200")


def _ask(server, iris):
    with pooled(server.url) as client:
        calls = [partial(client.post, "/predict", json={"features": iris.rows[0]})] * REQUESTS
        for response in together(calls, clients=CLIENTS):
            assert answer_of(response)["prediction"] == iris.predictions[0]


def _quietly(call):
    try:
        return call()
    except httpx.TransportError:
        return None  # the listening socket is closed


def _ready(server):
    """The workers that said that they are ready, and still live."""
    said = {line["pid"] for line in server.lines() if line["event"] == "ready"}
    return {pid for pid in said if is_alive(pid)}
