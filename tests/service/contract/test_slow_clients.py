"""Clients that are slow, endless, or do not speak HTTP: each gets an answer and a closed connection."""

import itertools
import json
import socket

import pytest

from tests.service import raw
from tests.service.server import HOST
from tests.service.shapes import answer_of
from tests.service.waiting import trickle

CLOSE_SECONDS = 10.0
HEADER_SECONDS = 0.5
BODY_SECONDS = 0.6
MAX_HEADER_BYTES = 8192


@pytest.fixture(scope="module")
def impatient(serve):
    """A server that waits half a second for headers, and little more for a body."""
    return serve(
        header_timeout_seconds=HEADER_SECONDS, body_timeout_seconds=BODY_SECONDS, max_header_bytes=MAX_HEADER_BYTES
    )


@pytest.fixture(autouse=True)
def answers_others(impatient, iris):
    """Whatever a client does, the next one is served."""
    yield
    with impatient.client() as client:
        assert answer_of(client.post("/predict", json={"features": iris.rows[0]}))


def test_headers_that_never_end_in_time_answer_408(impatient):
    reply = raw.exchange(impatient.port, [b"POST /predict HTTP/1.1\r\nhost: test\r\n"], CLOSE_SECONDS)

    _assert_closed_with(reply, 408, "TRIVET_HEADER_TIMEOUT_SECONDS")
    assert reply.seconds < HEADER_SECONDS + 5


def test_headers_that_trickle_answer_408(impatient):
    slowly = itertools.chain([b"GET /health HTTP/1.1\r\n"], trickle(b"x-slow: 1\r\n", CLOSE_SECONDS))

    _assert_closed_with(raw.exchange(impatient.port, slowly, CLOSE_SECONDS), 408, "TRIVET_HEADER_TIMEOUT_SECONDS")


def test_a_connection_that_says_nothing_is_closed(impatient):
    reply = raw.exchange(impatient.port, [], CLOSE_SECONDS)

    assert reply.seconds < HEADER_SECONDS + 5
    assert reply.head == b"" or reply.status == 408


def test_a_body_that_stops_answers_408(impatient):
    reply = raw.exchange(impatient.port, [raw.post("/predict", b'{"feat', length=100)], CLOSE_SECONDS)

    _assert_closed_with(reply, 408, "TRIVET_BODY_TIMEOUT_SECONDS")
    assert reply.header("x-request-id")


def test_a_body_that_trickles_answers_408(impatient):
    slowly = itertools.chain([raw.post("/predict", b"", length=10**4)], trickle(b" ", CLOSE_SECONDS))

    _assert_closed_with(raw.exchange(impatient.port, slowly, CLOSE_SECONDS), 408, "TRIVET_BODY_TIMEOUT_SECONDS")


def test_endless_headers_answer_431(impatient):
    lines = (b"x-%d: %s\r\n" % (number, b"y" * 100) for number in range(100_000))

    reply = raw.exchange(impatient.port, itertools.chain([b"GET /health HTTP/1.1\r\n"], lines), CLOSE_SECONDS)

    _assert_closed_with(reply, 431, "TRIVET_MAX_HEADER_BYTES")


def test_one_endless_header_answers_431(impatient):
    reply = raw.exchange(
        impatient.port,
        itertools.chain([b"GET /health HTTP/1.1\r\nx: "], itertools.repeat(b"y" * 4096, 1000)),
        CLOSE_SECONDS,
    )

    _assert_closed_with(reply, 431, "TRIVET_MAX_HEADER_BYTES")


def test_an_endless_path_answers_431(impatient):
    reply = raw.exchange(
        impatient.port, itertools.chain([b"GET /"], itertools.repeat(b"y" * 4096, 1000)), CLOSE_SECONDS
    )

    _assert_closed_with(reply, 431, "TRIVET_MAX_HEADER_BYTES")


def test_whole_headers_over_the_limit_answer_431(impatient):
    head = b"GET /health HTTP/1.1\r\nhost: test\r\nx: %s\r\n\r\n" % (b"y" * MAX_HEADER_BYTES)

    _assert_closed_with(raw.exchange(impatient.port, [head], CLOSE_SECONDS), 431, "TRIVET_MAX_HEADER_BYTES")


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"hello\r\n\r\n",
        b"\x00" * 64,
        b"GET /health HTTP/1.1\r\nbroken header\r\n\r\n",
        b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: ten\r\n\r\n",
        b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
        b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}",
        b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n{}",
        b"POST /predict HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    ],
    ids=lambda sent: ascii(sent[:90]),
)
def test_bytes_that_are_not_http_answer_400_and_close(impatient, sent):
    reply = raw.exchange(impatient.port, [sent], CLOSE_SECONDS)

    assert reply.status == 400
    assert reply.header("connection") == "close"
    assert list(json.loads(reply.body)) == ["error"]


def test_garbage_after_a_request_does_not_answer_for_it(impatient, iris):
    body = json.dumps({"features": iris.rows[0]}).encode()
    request = raw.post("/predict", body).replace(b"connection: close\r\n", b"")

    reply = raw.exchange(impatient.port, [request + b"hello\r\n\r\n"], CLOSE_SECONDS)

    assert reply.head == b"" or reply.status == 200


def test_a_client_that_leaves_in_its_body_disturbs_nobody(impatient):
    with socket.create_connection((HOST, impatient.port)) as connection:
        connection.sendall(raw.post("/predict", b'{"feat', length=100))

    assert "Traceback" not in impatient.log_text()


def _assert_closed_with(reply, status, setting):
    assert reply.status == status
    assert reply.header("connection") == "close"
    assert reply.header("content-type") == "application/json"
    body = json.loads(reply.body)
    assert list(body) == ["error"]
    assert setting in body["error"]
