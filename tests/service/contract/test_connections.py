"""HTTP/1.1 itself: connections that are kept, shared, given up, or older than that."""

import json
import socket

import pytest

from tests.service import raw
from tests.service.metrics import value_of
from tests.service.server import HOST
from tests.service.shapes import answer_of
from tests.service.waiting import until

SECONDS = 10.0
ROW = b'{"features":[5.1,3.5,1.4,0.2]}'


def _request(body=ROW, *headers):
    return raw.post("/predict", body, *headers).replace(b"connection: close\r\n", b"")


def test_a_connection_is_kept(client):
    addresses = [client.get("/health").extensions["network_stream"].get_extra_info("client_addr") for _ in range(3)]

    assert len(set(addresses)) == 1


def test_a_request_in_many_pieces_is_answered(server):
    request = raw.post("/predict", ROW)

    reply = raw.exchange(server.port, [request[at : at + 1] for at in range(len(request))], SECONDS)

    assert reply.status == 200


def test_an_http_1_0_client_is_answered_and_its_connection_closed(server):
    reply = raw.exchange(server.port, [b"GET /health HTTP/1.0\r\n\r\n"], SECONDS)

    assert reply.status == 200
    assert json.loads(reply.body) == {"status": "healthy"}


def test_a_client_that_waits_for_100_continue_gets_it(server):
    with socket.create_connection((HOST, server.port), timeout=SECONDS) as connection:
        head, _, body = raw.post("/predict", ROW, "expect: 100-continue").partition(b"\r\n\r\n")
        connection.sendall(head + b"\r\n\r\n")
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)

        assert connection.recv(100).startswith(b"HTTP/1.1 200 OK")


def test_a_client_that_waits_is_spared_a_body_that_is_too_large(server):
    head = raw.post("/predict", b"", "expect: 100-continue", length=10**12)

    reply = raw.exchange(server.port, [head], SECONDS)

    assert reply.status == 413


@pytest.mark.parametrize("name", ["upgrade", "Upgrade", "UPGRADE"])
@pytest.mark.parametrize("value", ["websocket", "h2c"])
def test_an_offer_to_upgrade_is_ignored(server, name, value):
    """Java's client and `curl --http2` offer h2c with every request; the body must not get lost over it."""
    request = _request(ROW, f"{name}: {value}", "connection: Upgrade, HTTP2-Settings", "http2-settings: AAMAAABkAAQ")

    reply = raw.exchange(server.port, [request + raw.post("/predict", ROW)], SECONDS)

    answers = reply.head + b"\r\n\r\n" + reply.body
    assert answers.count(b"HTTP/1.1 200 OK") == 2
    assert answers.count(b'"prediction":0') == 2
    assert "pgrade" not in server.log_text()


def test_clients_that_leave_while_they_wait_disturb_nobody(serve):
    server = serve("slow", max_queue_seconds=30)
    request = raw.post("/predict", b'{"features":[1,2,3,40]}')
    for _ in range(20):
        with socket.create_connection((HOST, server.port)) as connection:
            connection.sendall(request)

    with server.client() as client:
        assert answer_of(client.post("/predict", json={"features": [1, 2, 3, 4]})) == {"prediction": 10.0}
        until(
            lambda: value_of(client, "inference_requests_in_flight", model="slow") == 0, SECONDS, "nothing is in flight"
        )
        assert value_of(client, "inference_queue_rows", model="slow") == 0


def test_two_hundred_connections_are_served(server):
    connections = [socket.create_connection((HOST, server.port), timeout=SECONDS) for _ in range(200)]
    try:
        for connection in connections:
            connection.sendall(_request())
        assert {connection.recv(15) for connection in connections} == {b"HTTP/1.1 200 OK"}
    finally:
        for connection in connections:
            connection.close()
