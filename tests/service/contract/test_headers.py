"""X-Request-Id, and the headers of every answer."""

import uuid

import pytest

from tests.service.shapes import error_of


@pytest.mark.parametrize("sent", ["abc", "0" * 128, "a/b:c-d_e.f=g", str(uuid.uuid4())])
def test_a_request_id_is_echoed(client, iris, sent):
    response = client.post("/predict", json={"features": iris.rows[0]}, headers={"x-request-id": sent})

    assert response.headers.get_list("x-request-id") == [sent]


def test_a_request_id_is_made_when_there_is_none(client):
    first, second = (client.get("/health").headers["x-request-id"] for _ in range(2))

    assert first != second
    assert uuid.UUID(first).version == 7


@pytest.mark.parametrize("sent", ["", "two words", "x" * 129, b"caf\xe9", b"tab\there"], ids=ascii)
def test_a_request_id_that_no_log_should_hold_is_replaced(client, sent):
    response = client.get("/health", headers={"x-request-id": sent})

    assert uuid.UUID(response.headers["x-request-id"]).version == 7


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/nothing"), ("PUT", "/predict"), ("POST", "/predict"), ("GET", "/docs"), ("GET", "/v2")],
)
def test_a_request_id_comes_with_every_status(client, method, path):
    assert client.request(method, path, headers={"x-request-id": "seven"}).headers.get_list("x-request-id") == ["seven"]


def test_no_server_software_is_named(client):
    assert "server" not in client.get("/health").headers


@pytest.mark.parametrize("value", ["0", "-1", "soon", "nan", "inf", "", "1e400"])
def test_a_request_timeout_that_is_no_time_answers_400(client, iris, value):
    headers = {"request-timeout": value}

    error_of(client.post("/predict", json={"features": iris.rows[0]}, headers=headers), 400)
