"""Whatever a client sends, there is an answer of the contract: in time, never a 500, errors always in the one shape."""

import json
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.service import raw
from tests.service.server import client_of
from tests.service.shapes import error_of, has_null

DEADLINE_SECONDS = 5.0
EXAMPLES = 300
STATUSES = {200, 202, 400, 404, 405, 408, 413, 415, 422, 431}

fuzzed = settings(
    max_examples=EXAMPLES,
    deadline=None,  # each request has one of its own
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)

numbers = st.one_of(
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=True, allow_infinity=True),
    st.sampled_from([0, -0.0, 1e39, 5e-324]),
)
scalars = st.one_of(st.none(), st.booleans(), numbers, st.text(max_size=8))
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)
datatypes = st.sampled_from(["FP64", "FP32", "FP16", "INT64", "UINT8", "BOOL", "BYTES", "BF16", "fp64", ""])
shapes = st.lists(st.integers(-1, 9) | st.just(2**62), max_size=4)
parameters = st.fixed_dictionaries(
    {},
    optional={
        "binary_data_size": st.integers(-1, 200) | values,
        "binary_data": st.booleans() | values,
        "binary_data_output": st.booleans() | values,
        "timeout": st.integers(-1, 10**9) | values,
    },
)
tensors = st.fixed_dictionaries(
    {"name": st.sampled_from(["features", "probability", ""])},
    optional={
        "datatype": datatypes,
        "shape": shapes,
        "data": st.lists(numbers, max_size=8) | values,
        "parameters": parameters,
    },
)
infer_bodies = st.fixed_dictionaries(
    {"inputs": st.lists(tensors, max_size=3) | values},
    optional={
        "id": values,
        "parameters": parameters | values,
        "outputs": st.lists(
            st.fixed_dictionaries({"name": st.sampled_from(["prediction", "probability", "x"])}), max_size=3
        )
        | values,
    },
)
header_values = st.one_of(
    st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20), st.integers(-5, 400).map(str)
).map(str.strip)
headers = st.dictionaries(
    st.sampled_from(
        [
            "content-type",
            "content-encoding",
            "inference-header-content-length",
            "request-timeout",
            "x-request-id",
            "x-api-key",
            "authorization",
            "accept",
            "expect",
            "host",
        ]
    ),
    header_values
    | st.sampled_from(["application/json", "application/octet-stream", "identity", "gzip", "0", "100-continue"]),
    max_size=4,
)
PATHS = ("/predict", "/predict/batch", "/v2/models/iris-classifier/infer", "/v2/repository/index", "/feedback")


@pytest.fixture
def fuzz(url: str):
    """Send one request and check its answer."""
    with client_of(url, timeout=DEADLINE_SECONDS) as client:

        def send(path: str, content: bytes, sent: dict[str, str] | None = None, method: str = "POST") -> None:
            check(client.request(method, path, content=content, headers=sent))

        yield send


def check(response: httpx.Response) -> None:
    """Fail unless the answer is one of the contract's."""
    assert response.status_code in STATUSES or response.status_code in (429, 504), response.text
    if response.status_code >= 400:
        error_of(response, response.status_code)
    elif response.headers["content-type"] == "application/json":
        assert not has_null(response.json())


@fuzzed
@given(path=st.sampled_from(PATHS), body=values)
def test_any_json_gets_an_answer(fuzz, path, body):
    fuzz(path, json.dumps(body).encode())


@fuzzed
@given(row=st.lists(scalars, max_size=6) | st.dictionaries(st.text(max_size=6), scalars, max_size=5))
def test_any_row_gets_an_answer(fuzz, row):
    fuzz("/predict", json.dumps({"features": row}).encode())
    fuzz("/predict/batch", json.dumps({"inputs": [row, [1, 2, 3, 4]]}).encode())


@fuzzed
@given(body=infer_bodies)
def test_any_inference_gets_an_answer(fuzz, body):
    fuzz("/v2/models/iris-classifier/infer", json.dumps(body).encode())


@fuzzed
@given(body=infer_bodies, tail=st.binary(max_size=120), off=st.integers(-3, 3) | st.just(0))
def test_any_binary_inference_gets_an_answer(fuzz, body, tail, off):
    text = json.dumps(body).encode()
    length = {"inference-header-content-length": str(len(text) + off)}

    fuzz("/v2/models/iris-classifier/infer", text + tail, length)


@fuzzed
@given(tensor=st.fixed_dictionaries({"datatype": datatypes, "shape": shapes}), raw=st.binary(max_size=100))
def test_any_binary_tensor_gets_an_answer(fuzz, tensor, raw):
    described = {"name": "features", **tensor, "parameters": {"binary_data_size": len(raw)}}
    text = json.dumps({"inputs": [described]}).encode()

    fuzz("/v2/models/iris-classifier/infer", text + raw, {"inference-header-content-length": str(len(text))})
    fuzz("/v2/models/iris-classifier/infer", raw, {"inference-header-content-length": "0"})


@fuzzed
@given(path=st.sampled_from(PATHS), sent=headers, body=st.binary(max_size=60) | st.just(b'{"features":[1,2,3,4]}'))
def test_any_headers_get_an_answer(fuzz, path, sent, body):
    fuzz(path, body, sent)


@fuzzed
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"]),
    parts=st.lists(st.sampled_from(["v2", "models", "iris-classifier", "infer", "ready", "versions", "0", "stats"])
                   | st.text(st.characters(codec="utf-8"), max_size=6), max_size=6),
)  # fmt: skip
def test_any_path_gets_an_answer(fuzz, method, parts):
    fuzz("/" + "/".join(quote(part, safe="") for part in parts), b"", method=method)


GOOD = raw.post("/predict", b'{"features":[5.1,3.5,1.4,0.2]}', "content-type: application/json")


@fuzzed
@given(
    cuts=st.lists(
        st.tuples(
            st.integers(0, len(GOOD)), st.integers(0, 4), st.binary(max_size=6) | st.sampled_from([b"\r\n", b":", b" "])
        ),
        min_size=1,
        max_size=3,
    )
)
def test_any_bytes_leave_the_server_as_it_was(server, cuts):
    sent = GOOD
    for at, size, put in cuts:
        sent = sent[:at] + put + sent[at + size :]

    reply = raw.hang_up(server.port, sent, DEADLINE_SECONDS)

    assert reply.head == b"" or reply.status in STATUSES
    assert b"Traceback" not in reply.body


def test_after_all_that_the_server_answers_as_before(server, iris):
    with server.client() as client:
        assert client.post("/predict", json={"features": iris.rows[0]}).json()["prediction"] == iris.predictions[0]
    assert "Traceback" not in server.log_text()
