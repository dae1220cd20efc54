"""X-Request-Id, and the headers of every answer."""

import uuid

import pytest


def test_a_request_id_is_made_when_there_is_none(client):
    first, second = (client.get("/health").headers["x-request-id"] for _ in range(2))

    assert first != second
    assert uuid.UUID(first).version == 7


@pytest.mark.parametrize("sent", ["", "two words", "x" * 129, b"caf\xe9", b"tab\there"], ids=ascii)
def test_a_request_id_that_no_log_should_hold_is_replaced(client, sent):
    response = client.get("/health", headers={"x-request-id": sent})

    assert uuid.UUID(response.headers["x-request-id"]).version == 7
