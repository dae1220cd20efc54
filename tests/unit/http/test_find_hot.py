"""The quick way to an inference finds what FastAPI's router would find, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.routing import Match

from services.http.exchange import Exchange
from services.http.handlers import infer, predict
from services.http.routes import HOT, OTHERS, find_hot, routes
from tests.unit.http.asgi import Body, scope

ROUTES = routes()
HANDLERS = {path.template: path.handler for path in HOT}
SEGMENTS = st.sampled_from(
    ["v2", "models", "m", "versions", "1", "infer", "predict", "batch", "", "stats", "a.b", "é", " "]
)


def exchange(path: str, method: str = "POST") -> Exchange:
    return Exchange(None, scope(path, method, x_request_id="1"), Body())


def routed(path: str, method: str) -> tuple[object, dict[str, str]] | None:
    """Return the hot handler that FastAPI's router would end at, with the path's parameters."""
    for route in ROUTES:
        match, found = route.matches(scope(path, method))
        if match is Match.FULL and route.path in HANDLERS:
            return HANDLERS[route.path], found["path_params"]
    return None


@pytest.mark.parametrize(
    ("path", "handler", "params"),
    [
        ("/predict", predict.predict, {}),
        ("/predict/batch", predict.predict_batch, {}),
        ("/v2/models/iris/infer", infer.infer, {"model": "iris"}),
        ("/v2/models/iris/versions/v10/infer", infer.infer, {"model": "iris", "version": "v10"}),
    ],
)
def test_an_inference_is_found(path, handler, params):
    asked = exchange(path)

    assert find_hot(asked) is handler
    assert asked.params == params
    assert asked.route.count("{") == len(params)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD", "OPTIONS", "post"])
def test_only_post_is_an_inference(method):
    assert find_hot(exchange("/predict", method)) is None


@given(st.lists(SEGMENTS, max_size=8), st.sampled_from(["POST", "GET"]))
def test_the_router_would_find_the_same(segments, method):
    path = "/" + "/".join(segments)
    asked = exchange(path, method)

    handler = find_hot(asked)

    assert (None if handler is None else (handler, asked.params)) == routed(path, method)


def test_no_route_is_there_twice():
    keys = [(path.method, path.template) for path in (*HOT, *OTHERS)]

    assert len(keys) == len(set(keys))
