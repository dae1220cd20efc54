"""The application over a real model: where work is done, who answers during a swap, and that nothing is a 500."""

import asyncio
import gc
import json
import threading

import msgspec
import numpy as np
import pytest

from services.core.metrics import Metrics
from services.core.settings import Settings
from services.http.app import create_app
from services.http.handlers import infer, predict
from tests.unit import onnx_models
from tests.unit.http.asgi import Body, call
from tests.unit.parts import until

ROW = b'{"features":[1,2,3]}'
PADDING = b" " * 40_000
V2 = "/v2/models/scaler/infer"


def v2(rows: int = 1) -> bytes:
    tensor = {"name": "features", "shape": [rows, 3], "datatype": "FP64", "data": [[1, 2, 3]] * rows}
    return json.dumps({"inputs": [tensor]}).encode()


class Slow(Body):
    """A body whose last piece waits."""

    def __init__(self, *pieces: bytes) -> None:
        super().__init__(*pieces)
        self.waits, self.may_end = asyncio.Event(), asyncio.Event()

    async def __call__(self):
        if len(self.left) == 1:
            self.waits.set()
            await self.may_end.wait()
        return await super().__call__()


@pytest.fixture
def spied(monkeypatch: pytest.MonkeyPatch) -> dict[str, bool]:
    """Which decoder or encoder ran on the event loop's thread."""
    on_loop: dict[str, bool] = {}

    def spy(module: object, name: str) -> None:
        work = getattr(module, name)

        def spying(*arguments: object) -> object:
            on_loop[name] = threading.current_thread() is threading.main_thread()
            return work(*arguments)

        monkeypatch.setattr(module, name, spying)

    for module, name in ((predict, "decode_row"), (predict, "decode_rows"), (predict, "encode_rows")):
        spy(module, name)
    for name in ("decode_infer", "encode_infer"):
        spy(infer, name)
    return on_loop


@pytest.mark.parametrize("padding", [b"", PADDING], ids=["small", "big"])
@pytest.mark.parametrize(
    ("path", "body", "decoder"),
    [
        ("/predict", ROW, "decode_row"),
        ("/predict/batch", b'{"inputs":[[1,2,3]]}', "decode_rows"),
        (V2, v2(), "decode_infer"),
    ],
)
async def test_only_a_small_body_is_decoded_on_the_loop(app, spied, path, body, decoder, padding):
    answer = await call(app, path, body + padding)

    assert answer.status == 200
    assert spied[decoder] is (padding == b"")


@pytest.mark.parametrize("rows", [1, 2_000])
@pytest.mark.parametrize(("path", "encoder"), [("/predict/batch", "encode_rows"), (V2, "encode_infer")])
async def test_only_a_small_answer_is_encoded_on_the_loop(app, spied, path, encoder, rows):
    body = v2(rows) if path == V2 else json.dumps({"inputs": [[1, 2, 3]] * rows}).encode()

    answer = await call(app, path, body)

    assert answer.status == 200
    assert spied[encoder] is (rows == 1)


@pytest.mark.parametrize(("path", "body"), [("/predict", ROW), ("/predict/batch", b'{"inputs":[[1,2,3]]}'), (V2, v2())])
async def test_a_swap_during_a_slow_body_loses_no_request(app, tmp_path, path, body):
    slow = Slow(body[:5], body[5:])
    asked = asyncio.create_task(call(app, path, slow))
    await until(slow.waits.is_set)
    (tmp_path / "second").mkdir()

    await app.server.table.load(onnx_models.scaler(tmp_path / "second", version="2", factor=100.0))
    slow.may_end.set()
    answer = await asked

    assert answer.status == 200
    assert b"300" in answer.body
    if path == V2:
        assert answer.json()["model_version"] == "2"
    else:
        assert answer.headers["model-version"] == "2"


async def test_the_same_model_under_another_version_says_the_new_version(app, scaler):
    assert (await call(app, "/predict", ROW)).headers["model-version"] == "1"

    await app.server.table.load(msgspec.structs.replace(scaler, version="2"))

    assert (await call(app, "/predict", ROW)).headers["model-version"] == "2"


async def test_an_answer_names_its_model_and_its_request(app, scaler):
    answer = await call(app, "/predict", ROW, x_request_id="abc")

    assert answer.json() == {"prediction": 6.0, "probability": [10.0, 20.0, 30.0]}
    assert {name: answer.headers[name] for name in ("model-name", "model-version", "model-digest", "x-request-id")} == {
        "model-name": "scaler",
        "model-version": "1",
        "model-digest": scaler.digest,
        "x-request-id": "abc",
    }


async def test_a_binary_answer_says_where_its_json_ends(app):
    body = json.dumps({**json.loads(v2()), "parameters": {"binary_data_output": True}}).encode()

    answer = await call(app, V2, body)

    size = int(answer.headers["inference-header-content-length"])
    assert answer.headers["content-type"] == "application/octet-stream"
    assert np.frombuffer(answer.body[size:]).tolist() == [6, 10, 20, 30]


@pytest.mark.parametrize(
    "path", ["/predict", "/predict/batch", V2, "/v2/models/scaler/versions/1/infer", "/v2/repository/index"]
)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"\xff",
        b"[" * 10_000,
        b'{"features":[Infinity]}',
        b'{"inputs":[{"x":1}]}',
        b"\0" * 99,
    ],
)
async def test_no_body_is_an_internal_error(app, path, body):
    for headers in (
        {},
        {"inference_header_content_length": "2"},
        {"content_type": "text/plain"},
        {"request_timeout": "x"},
    ):
        answer = await call(app, path, body, **headers)

        assert answer.status in {400, 415, 422} or (answer.status == 200 and path.endswith("index"))
        assert answer.status == 200 or list(answer.json()) == ["error"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/v2/models/other/infer", 404),
        ("POST", "/v2/models/scaler/versions/9/infer", 404),
        ("GET", "/nothing", 404),
        ("GET", "/predict", 405),
        ("POST", "/v2/repository/models/scaler/unload", 404),
    ],
)
async def test_what_is_not_there_is_said_in_one_shape(app, method, path, status):
    answer = await call(app, path, v2(), method=method)

    assert answer.status == status
    assert list(answer.json()) == ["error"]
    assert answer.headers["content-type"] == "application/json"
    assert ("allow" in answer.headers) is (status == 405)


async def test_a_ready_server_holds_no_request_up_to_look_for_garbage_in_what_its_start_made(scaler, tmp_path):
    gc.unfreeze()
    server = create_app(Settings(home=tmp_path, database_url="", model=str(scaler.folder)), Metrics("fastapi")).server
    try:
        await server.start()
        await until(server.is_ready)

        assert gc.get_freeze_count() > len(gc.get_objects())
    finally:
        await server.stop()
        gc.unfreeze()
