"""Limits of a body: what is too large is named, and read no further."""

import itertools
import json

import pytest

from tests.service import raw
from tests.service.shapes import answer_of, error_of, infer_body

MAX_BODY_BYTES = 100_000
PIECE = b"x" * 16_384
CLOSE_SECONDS = 10.0
# What a sender gets rid of before it notices that nobody reads, on loopback.
KERNEL_BYTES = 12 * 2**20


@pytest.fixture(scope="module")
def small(serve):
    """A server that takes at most 100,000 bytes and 1,000 rows."""
    return serve(max_body_bytes=MAX_BODY_BYTES, max_request_rows=1000)


@pytest.mark.parametrize("path", ["/predict", "/v2/models/iris-classifier/infer", "/v2/repository/index", "/feedback"])
def test_a_body_over_the_limit_answers_413_and_names_the_limit(small, path):
    with small.client() as client:
        refused = client.post(path, content=b" " * (MAX_BODY_BYTES + 1))

    assert "TRIVET_MAX_BODY_BYTES" in error_of(refused, 413)
    assert str(MAX_BODY_BYTES) in refused.json()["error"]


def test_a_body_of_just_the_limit_is_read(small, iris):
    body = json.dumps({"features": iris.rows[0]}).encode()
    with small.client() as client:
        assert answer_of(client.post("/predict", content=body.ljust(MAX_BODY_BYTES)))


def test_a_length_over_the_limit_is_refused_and_the_connection_closed(small):
    head = b"POST /predict HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 1000000000000\r\n\r\n"

    reply = raw.exchange(small.port, [head], CLOSE_SECONDS)

    assert reply.status == 413
    assert "TRIVET_MAX_BODY_BYTES" in json.loads(reply.body)["error"]


def test_a_chunked_body_over_the_limit_is_read_no_further(small):
    head = raw.post("/predict", b"", "transfer-encoding: chunked")
    chunk = b"%x\r\n%s\r\n" % (len(PIECE), PIECE)
    endless = itertools.chain([head], itertools.repeat(chunk, 100_000))

    reply = raw.exchange(small.port, endless, CLOSE_SECONDS)

    assert reply.status == 413
    assert "TRIVET_MAX_BODY_BYTES" in json.loads(reply.body)["error"]
    assert (
        reply.sent_bytes < 50 * MAX_BODY_BYTES + 10 * 2**20
    )  # what it ignores while it lingers, and the kernel's buffers


def test_more_rows_than_the_limit_answer_413_and_name_it(small, iris):
    with small.client() as client:
        refused = client.post("/predict/batch", json={"inputs": [[1, 2, 3, 4]] * 1001})
        accepted = client.post("/predict/batch", json={"inputs": [[1, 2, 3, 4]] * 1000})

    assert "TRIVET_MAX_REQUEST_ROWS" in error_of(refused, 413)
    assert len(answer_of(accepted)["predictions"]) == 1000


def test_more_rows_than_the_limit_answer_413_in_binary(small, iris):
    tensor = {"name": "features", "datatype": "FP64", "shape": [1001, 4], "parameters": {"binary_data_size": 32032}}
    text = json.dumps({"inputs": [tensor]}).encode()
    with small.client() as client:
        headers = {"inference-header-content-length": str(len(text))}
        refused = client.post(f"/v2/models/{iris.name}/infer", content=text + bytes(32032), headers=headers)

    assert "TRIVET_MAX_REQUEST_ROWS" in error_of(refused, 413)


def test_a_refused_body_leaves_the_server_as_it_was(small, iris):
    with small.client() as client:
        for _ in range(3):
            error_of(client.post("/predict", content=b" " * (MAX_BODY_BYTES + 1)), 413)
            assert answer_of(client.post("/predict", json={"features": iris.rows[0]}))


@pytest.mark.parametrize("rows", [2_000, 100_000])
def test_large_requests_are_answered_row_by_row(client, iris, rows):
    inputs = (iris.rows * (rows // len(iris.rows) + 1))[:rows]

    answer = answer_of(client.post("/predict/batch", json={"inputs": inputs}))

    expected = (iris.predictions * (rows // len(iris.rows) + 1))[:rows]
    assert answer["predictions"] == expected
    assert len(answer["probabilities"]) == rows


def test_a_request_above_64_kib_is_answered_over_v2(client, iris):
    count = len(iris.rows)
    body = infer_body(iris, count)
    tensor = body["inputs"][0]
    tensor |= {"shape": [count * 200, 4], "data": tensor["data"] * 200}

    answer = answer_of(client.post(f"/v2/models/{iris.name}/infer", json=body))

    assert answer["outputs"][0]["data"] == iris.predictions * 200


def test_more_than_the_default_rows_answer_413(client):
    error_of(client.post("/predict/batch", json={"inputs": [[1, 2, 3, 4]] * 100_001}), 413)
