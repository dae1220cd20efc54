"""One shape for every error, whatever the status, wherever it comes from."""

import gzip
import json

import pytest

from tests.service.shapes import answer_of, error_of

ROUTES = {
    "/health": "GET",
    "/v2/health/live": "GET",
    "/v2/health/ready": "GET",
    "/predict": "POST",
    "/predict/batch": "POST",
    "/v2": "GET",
    "/v2/": "GET",
    "/v2/models/iris-classifier": "GET",
    "/v2/models/iris-classifier/versions/0": "GET",
    "/v2/models/iris-classifier/ready": "GET",
    "/v2/models/iris-classifier/stats": "GET",
    "/v2/models/iris-classifier/infer": "POST",
    "/v2/models/iris-classifier/versions/0/infer": "POST",
    "/v2/models/stats": "GET",
    "/v2/repository/index": "POST",
    "/v2/repository/models/iris-classifier/load": "POST",
    "/v2/repository/models/iris-classifier/unload": "POST",
    "/feedback": "POST",
    "/metrics": "GET",
    "/docs": "GET",
    "/openapi.json": "GET",
}


METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


@pytest.mark.parametrize(
    ("path", "method"), [(path, method) for path in ROUTES for method in METHODS if method != ROUTES[path]]
)
def test_a_wrong_method_answers_405_and_names_the_right_one(client, path, method):
    refused = client.request(method, path)

    error_of(refused, 405)
    assert ROUTES[path] in [allowed.strip() for allowed in refused.headers["allow"].split(",")]


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/nothing",
        "/predict/",
        "/predict/nothing",
        "/v2/models",
        "/v2/models/",
        "/v2/models/iris-classifier/",
        "/v2/models/iris-classifier/infer/",
        "/v2/models/iris-classifier/nothing",
        "/v2/models/iris-classifier/versions",
        "/v2/models/iris-classifier/versions/",
        "/v2/models//infer",
        "/v2/model/iris-classifier",
        "/v1/models/iris-classifier:predict",
        "/redoc",
        "/docs/nothing",
        "/docs/..%2f..%2fapp.py",
        "/v2/models/%00",
        "/v2/models/%ff/infer",
        "/%2e%2e/etc/passwd",
        "//health",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_unknown_path_answers_404_without_a_redirect(client, path, method):
    refused = client.request(method, path)

    assert refused.status_code in (404, 405)
    error_of(refused, refused.status_code)
    assert "location" not in refused.headers


@pytest.mark.parametrize("path", ["/predict", "/predict/batch", "/v2/models/iris-classifier/infer", "/feedback"])
@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/xml",
        "application/json; charset=utf-16",
        "json",
    ],
)
def test_a_content_type_that_is_not_served_answers_415(client, path, content_type):
    error_of(client.post(path, content=b"{}", headers={"content-type": content_type}), 415)


@pytest.mark.parametrize("path", ["/predict", "/predict/batch", "/v2/models/iris-classifier/infer", "/feedback"])
@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "GZIP"])
def test_a_compressed_body_answers_415(client, path, encoding):
    body = gzip.compress(json.dumps({"features": [1, 2, 3, 4]}).encode())

    assert "compressed" in error_of(client.post(path, content=body, headers={"content-encoding": encoding}), 415)


def test_identity_encoding_is_no_encoding(client, iris):
    answer = client.post("/predict", json={"features": iris.rows[0]}, headers={"content-encoding": "identity"})

    assert answer_of(answer)["prediction"] == iris.predictions[0]


def test_a_runtime_that_fails_answers_500_without_details(start):
    server = start("fragile")
    with server.client() as client:
        failed = client.post("/v2/models/fragile/infer", json=_rows([0, 77]))
        message = error_of(failed, 500)
        after = answer_of(client.post("/v2/models/fragile/infer", json=_rows([2, 1])))

    assert "77" not in message and "Gather" not in message
    assert after["outputs"][0]["data"] == [30, 20]
    server.stop(tracebacks=1)
    (line,) = [line for line in server.lines() if "traceback" in line]
    assert line["level"] == "error"
    assert line["request_id"] == failed.headers["x-request-id"]


def _rows(values):
    return {"inputs": [{"name": "features", "datatype": "INT64", "shape": [len(values), 1], "data": values}]}
