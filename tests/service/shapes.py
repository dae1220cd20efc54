"""What every answer of the contract has in common, checked in one place."""

from typing import Any

import httpx

JSON = "application/json"


def error_of(response: httpx.Response, status: int) -> str:
    """Return the sentence of an error; fail unless status, headers and body are the contract's."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == JSON
    body = response.json()
    assert list(body) == ["error"], body
    assert isinstance(body["error"], str) and body["error"], body
    assert "Traceback" not in body["error"] and "\n" not in body["error"]
    assert response.headers["x-request-id"]
    return str(body["error"])


def answer_of(response: httpx.Response, status: int = 200) -> Any:
    """Return the JSON of an answer; fail unless status and headers are right and nothing in it is null."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == JSON
    assert response.headers["x-request-id"]
    assert int(response.headers["content-length"]) == len(response.content)
    body = response.json()
    assert not has_null(body), body
    return body


def has_null(value: Any) -> bool:
    """Whether a null is anywhere in a JSON value."""
    if isinstance(value, dict):
        return any(has_null(item) for item in value.values())
    if isinstance(value, list):
        return any(has_null(item) for item in value)
    return value is None


def infer_body(facts: Any, count: int = 1, **more: Any) -> dict[str, Any]:
    """Return a V2 request over the model's first rows."""
    return {"inputs": facts.tensors(count), **more}


def outputs_of(answer: dict[str, Any]) -> dict[str, Any]:
    """Return the data of a V2 answer by output name."""
    return {output["name"]: output["data"] for output in answer["outputs"]}
