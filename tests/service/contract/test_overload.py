"""Admission: what cannot be served is refused at once, with an honest time to come back."""

import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from tests.service.load import pooled, together
from tests.service.metrics import value_of
from tests.service.shapes import answer_of, error_of
from tests.service.waiting import until

ROW = {"features": [1.0, 2.0, 3.0, 4.0]}
# One run of the slow model takes about this long; a busy machine makes it more.
RUN_SECONDS = 0.01


@pytest.fixture(scope="module")
def full(serve):
    """A server that runs one row at a time and lets four wait."""
    return serve("slow", max_batch_rows=1, max_queue_rows=4, max_queue_seconds=60)


@pytest.fixture(scope="module")
def overloaded(full):
    """What 64 requests at once got from it."""
    with pooled(full.url) as client:
        return together([partial(client.post, "/predict", json=ROW)] * 64, clients=64)


def test_a_full_queue_answers_429_with_retry_after(overloaded):
    refused = [response for response in overloaded if response.status_code != 200]

    assert refused
    for response in refused:
        assert "queue" in error_of(response, 429)
        assert response.headers["retry-after"].isdigit()
        assert 1 <= int(response.headers["retry-after"]) <= 10


def test_what_was_accepted_is_answered_right(overloaded):
    accepted = [answer_of(response) for response in overloaded if response.status_code == 200]

    assert len(accepted) >= 5
    assert all(answer == {"prediction": 10.0} for answer in accepted)


def test_refusals_are_counted(full, overloaded):
    refused = sum(response.status_code == 429 for response in overloaded)
    with full.client() as client:
        assert value_of(client, "inference_refused_total", model="slow", reason="queue_full") == refused
        assert value_of(client, "inference_requests_total", model="slow", code="429", route="/predict") == refused


def test_a_refused_client_that_comes_back_in_time_is_served(full, overloaded):
    with full.client() as client:
        assert answer_of(client.post("/predict", json=ROW)) == {"prediction": 10.0}


def test_health_answers_while_the_queue_is_full(full):
    with pooled(full.url, 100) as client:
        calls = [partial(client.post, "/predict", json=ROW)] * 60 + [partial(client.get, "/v2/health/ready")] * 4
        answers = together(calls, clients=64)

    assert [response.status_code for response in answers[60:]] == [200] * 4


def test_a_deadline_that_cannot_be_met_answers_429_at_once(full):
    rows = {"inputs": [[1.0, 2.0, 3.0, 4.0]] * 300}
    with full.client() as client:
        started = time.monotonic()
        refused = client.post("/predict/batch", json=rows, headers={"request-timeout": "0.1"})
        seconds = time.monotonic() - started

    assert "deadline" in error_of(refused, 429)
    assert int(refused.headers["retry-after"]) >= 1
    assert seconds < 300 * RUN_SECONDS


def test_a_v2_timeout_in_microseconds_is_a_deadline(full):
    tensor = {"name": "features", "datatype": "FP32", "shape": [300, 4], "data": [1.0] * 1200}
    body = {"inputs": [tensor], "parameters": {"timeout": 100_000}}
    with full.client() as client:
        refused = client.post("/v2/models/slow/infer", json=body)
        relaxed = client.post("/v2/models/slow/infer", json={"inputs": [tensor], "parameters": {"timeout": 25_000_000}})

    assert "deadline" in error_of(refused, 429)
    assert len(answer_of(relaxed)["outputs"][0]["data"]) == 300


def test_the_shorter_of_two_deadlines_counts(full):
    tensor = {"name": "features", "datatype": "FP32", "shape": [300, 4], "data": [1.0] * 1200}
    body = {"inputs": [tensor], "parameters": {"timeout": 25_000_000}}
    with full.client() as client:
        error_of(client.post("/v2/models/slow/infer", json=body, headers={"request-timeout": "0.1"}), 429)


def test_a_client_may_not_ask_for_more_than_the_server_allows(start):
    rows = {"inputs": [[1.0, 2.0, 3.0, 4.0]] * 400}
    with start("slow", max_batch_rows=1, request_timeout_seconds=0.5).client() as client:
        refused = client.post("/predict/batch", json=rows, headers={"request-timeout": "3000"})

    assert "0.5" in error_of(refused, 429)


def test_a_deadline_that_passes_while_waiting_answers_504(start):
    """Warm-up did not know of rows that take hundreds of times as long, so admission expects the next run too soon."""
    server = start("slow")
    long_row = {"features": [1.0, 2.0, 3.0, 2000.0]}

    with pooled(server.url) as client, ThreadPoolExecutor() as pool:
        long = pool.submit(client.post, "/predict", json=long_row)
        until(lambda: value_of(client, "inference_requests_in_flight", model="slow") == 1, 10, "the long run began")
        started = time.monotonic()
        late = client.post("/predict", json=ROW, headers={"request-timeout": "0.15"})
        seconds, was_running = time.monotonic() - started, not long.done()
        patient = client.post("/predict", json=ROW)

        assert "deadline" in error_of(late, 504)
        assert was_running
        assert answer_of(patient) == {"prediction": 10.0}
        assert answer_of(long.result()) == {"prediction": 2006.0}
    assert seconds >= 0.15
