"""What is sent, and how it is found out."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.load import requests
from services.load.served import Served, in_flight, read
from services.load.target import Target, Unanswered
from tests.unit.bench.scripted_server import answer, body_of, serving

METADATA = {
    "inputs": [
        {"name": "age", "datatype": "FP64", "shape": [-1, 1]},
        {"name": "plan", "datatype": "BYTES", "shape": [-1, 1]},
    ]
}
METRICS = b"""# TYPE inference_request_duration_seconds histogram
inference_request_duration_seconds_bucket{engine="ray",model="m",route="/predict",le="+Inf"} 30
inference_request_duration_seconds_sum{engine="ray",model="m",route="/predict"} 1.5
inference_request_duration_seconds_count{engine="ray",model="m",route="/predict"} 30
inference_request_duration_seconds_sum{engine="ray",model="m",route="/v2/models/{model}/infer"} 0.5
inference_request_duration_seconds_count{engine="ray",model="m",route="/v2/models/{model}/infer"} 10
inference_request_duration_seconds_sum{engine="ray",model="",route="/health"} 7
inference_request_duration_seconds_count{engine="ray",model="",route="/health"} 70
"""


def server(asked=None, **routes):
    """Answer each path with the JSON or bytes of the route of that name: `index`, `model`, `metrics`."""
    paths = {"/v2/repository/index": "index", "/v2/models/m": "model", "/metrics": "metrics"}

    def respond(request):
        if asked is not None:
            asked.append(request)
        path = request.split()[1].decode().removeprefix("/prefix")
        found = routes.get(paths.get(path, ""))
        if found is None:
            return answer(b"{}", "404 Not Found")
        if isinstance(found, int):
            return answer(b"{}", f"{found} Said")
        return answer(found if isinstance(found, bytes) else json.dumps(found).encode())

    return serving(respond)


def test_rows_fit_the_model_and_differ():
    with server(model=METADATA) as port:
        found = requests.rows_of(Target(f"http://127.0.0.1:{port}", {"X-Team": "a"}), "m", 3)

    bodies = [json.loads(body_of(one)) for one in found.sent]
    assert len({str(body) for body in bodies}) == len(bodies) > 5
    assert [tensor["shape"] for tensor in bodies[0]["inputs"]] == [[3, 1], [3, 1]]
    assert {type(value) for value in bodies[0]["inputs"][1]["data"]} == {str}
    assert found.sent[0].startswith(b"POST /v2/models/m/infer HTTP/1.1\r\nHost: 127.0.0.1:")
    assert b"\r\nX-Team: a\r\n" in found.sent[0] and b"\r\nContent-Type: application/json\r\n" in found.sent[0]
    assert found.request(len(found.sent)) == found.sent[0]


def test_a_prefix_of_the_url_stands_before_every_path():
    asked = []
    with server(asked, model=METADATA) as port:
        target = Target(f"http://127.0.0.1:{port}/prefix/", {"Host": "models.example"})
        found = requests.rows_of(target, "m", 1)

    assert asked[0].startswith(b"GET /prefix/v2/models/m HTTP/1.1\r\n")
    assert found.sent[0].startswith(b"POST /prefix/v2/models/m/infer HTTP/1.1\r\nHost: models.example\r\n")
    assert asked[0].count(b"Host: ") == 1 and b"Host: models.example" in asked[0]


def test_a_body_is_posted_as_it_is_and_without_one_it_is_a_get():
    with server() as port:
        target = Target(f"http://127.0.0.1:{port}", {"content-type": "text/plain"})

    (posted,) = requests.given(target, "/predict", b"\x00\xff").sent
    (asked,) = requests.given(target, "/health", None).sent

    assert posted.endswith(b"\r\ncontent-type: text/plain\r\nContent-Length: 2\r\n\r\n\x00\xff")
    assert asked.startswith(b"GET /health HTTP/1.1\r\n") and asked.endswith(b"\r\n\r\n")


def test_the_only_model_is_found():
    with server(index=[{"name": "m", "version": "1"}, {"name": "m", "version": "2"}]) as port:
        assert Target(f"http://127.0.0.1:{port}", {}).only_model() == "m"


@pytest.mark.parametrize(
    ("routes", "said"),
    [
        ({"index": [{"name": "a"}, {"name": "b"}]}, "2 models"),
        ({"index": []}, "no models"),
        ({"index": b"not json"}, "no models"),
        ({"index": 401}, "--key-file"),
    ],
)
def test_no_or_many_models_are_a_reason_to_name_one(routes, said):
    with server(**routes) as port, pytest.raises(Unanswered, match=said):
        Target(f"http://127.0.0.1:{port}", {}).only_model()


@pytest.mark.parametrize(
    ("model", "said"), [(None, "404"), (403, "--key-file"), ({"inputs": "?"}, "--body"), ([], "--model")]
)
def test_metadata_that_does_not_help_is_a_reason(model, said):
    with server(model=model) as port, pytest.raises(Unanswered, match=said):
        requests.rows_of(Target(f"http://127.0.0.1:{port}", {}), "m", 1)


def test_a_model_without_batches_takes_one_row():
    fixed = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [3]}]}
    with server(model=fixed) as port:
        target = Target(f"http://127.0.0.1:{port}", {})
        assert requests.rows_of(target, "m", 1).sent
        with pytest.raises(Unanswered, match="--rows"):
            requests.rows_of(target, "m", 2)


@pytest.mark.parametrize("url", ["", "localhost", "ftp://x", "http://", "http://x:port", "http://u@x", "http://x?y"])
def test_what_is_no_url_is_said(url):
    with pytest.raises(Unanswered):
        Target(url, {})


@given(st.text(max_size=40))
def test_a_header_is_one_line_or_refused(text):
    try:
        name, value = requests.header(text)
    except ValueError:
        return
    line = f"{name}: {value}".encode("latin-1")
    assert b"\r" not in line and b"\n" not in line and name


@pytest.mark.parametrize("text", ["Content-Length: 1", "transfer-encoding: chunked", "X", ": y", "X: a\nb", "X Y: z"])
def test_headers_that_the_generator_sets_or_that_are_none_are_refused(text):
    with pytest.raises(ValueError, match=r"expected|by itself"):
        requests.header(text)


def test_the_servers_metrics_tell_of_one_model_and_never_of_probes():
    with server(metrics=METRICS) as port:
        target = Target(f"http://127.0.0.1:{port}", {})
        assert read(target, "m") == read(target, None) == Served("ray", 40, 2.0)
        assert read(target, "other") is None


@pytest.mark.parametrize("metrics", [None, 500, b"<html>", b"\xff\xfe", b"up 1\n"])
def test_a_server_without_such_metrics_says_nothing(metrics):
    with server(metrics=metrics) as port:
        assert read(Target(f"http://127.0.0.1:{port}", {}), "m") is None


def test_work_in_flight_is_the_time_of_all_requests_over_the_time_that_passed():
    before, after = Served("ray", 100, 10.0), Served("ray", 300, 30.0)

    assert in_flight(before, after, 200, 5.0) == 4.0
    assert in_flight(before, after, 500, 5.0) is None, "other replicas answered the rest"
    assert in_flight(None, after, 200, 5.0) is None
