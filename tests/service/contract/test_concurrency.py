"""Dynamic batching seen from outside: every client gets its own rows, its own outputs and its own errors."""

from functools import partial

import pytest

from tests.service.load import pooled, together
from tests.service.metrics import value_of
from tests.service.shapes import answer_of, error_of, outputs_of

REQUESTS = 200


def _slow_body(first, rows, **more):
    data = [value for number in range(first, first + rows) for value in (float(number), 1.0, 2.0, 4.0)]
    return {"inputs": [{"name": "features", "datatype": "FP32", "shape": [rows, 4], "data": data}], **more}


@pytest.fixture(scope="module")
def slow(serve):
    """A server whose model takes long enough for requests to meet in the queue."""
    return serve("slow", max_queue_seconds=30)


def test_concurrent_clients_each_get_their_own_rows(slow):
    with pooled(slow.url) as client:
        calls = [
            partial(client.post, "/v2/models/slow/infer", json=_slow_body(7 * number, 1 + number % 5, id=str(number)))
            for number in range(REQUESTS)
        ]
        answers = [answer_of(response) for response in together(calls)]

    for number, answer in enumerate(answers):
        assert answer["id"] == str(number)
        assert outputs_of(answer)["prediction"] == [7.0 + 7 * number + row for row in range(1 + number % 5)]


def test_concurrent_requests_are_merged_into_few_runs(slow):
    with pooled(slow.url) as client:
        before = value_of(client, "inference_compute_duration_seconds_count", model="slow")
        calls = [
            partial(client.post, "/v2/models/slow/infer", json=_slow_body(number, 1)) for number in range(REQUESTS)
        ]
        for response in together(calls):
            answer_of(response)
        runs = value_of(client, "inference_compute_duration_seconds_count", model="slow") - before

    assert runs < REQUESTS / 2


def test_a_row_has_the_same_answer_alone_and_in_a_batch(url, iris):
    with pooled(url) as client:
        alone = [client.post("/predict", json={"features": row}).text for row in iris.rows]
        calls = [partial(client.post, "/predict", json={"features": row}) for row in iris.rows * 4]
        together_again = [response.text for response in together(calls)]

    assert together_again == alone * 4


def test_a_bad_request_fails_alone(start):
    server = start("fragile")
    with pooled(server.url) as client:
        indices = [77 if number % 10 == 0 else number % 4 for number in range(100)]
        calls = [
            partial(
                client.post,
                "/v2/models/fragile/infer",
                json={"inputs": [{"name": "features", "datatype": "INT64", "shape": [1, 1], "data": [index]}]},
            )
            for index in indices
        ]
        responses = together(calls)

    for index, response in zip(indices, responses, strict=True):
        if index == 77:
            error_of(response, 500)
        else:
            assert outputs_of(answer_of(response))["prediction"] == [10 * (index + 1)]
    server.stop(tracebacks=10)


def test_a_large_request_lets_small_ones_pass(slow):
    rows = 256 * 150
    large = [[1.0, 2.0, 3.0, 4.0]] * rows
    order = []

    def post(name, body):
        response = client.post("/predict/batch", json=body)
        order.append(name)
        return response

    with pooled(slow.url) as client:
        calls = [partial(post, "large", {"inputs": large})]
        calls += [partial(post, "small", {"inputs": [[float(number), 0.0, 0.0, 4.0]]}) for number in range(20)]
        answers = [answer_of(response)["predictions"] for response in together(calls)]

    assert len(answers[0]) == rows
    assert answers[1:] == [[4.0 + number] for number in range(20)]
    assert order[-1] == "large"
