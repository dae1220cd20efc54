"""Around every request: one answer, one line in the log, one count; also when something fails."""

import logging

import pytest

from services.core.admission import Ahead
from services.core.settings import Settings
from services.http.app import Application
from tests.unit.http.asgi import call

ROW = b'{"features":[1,2,3]}'


def counted(app: Application, **labels: str) -> float | None:
    return app.server.metrics.registry.get_sample_value("inference_requests_total", {"engine": "fastapi", **labels})


async def test_an_answer_is_counted_by_route_model_and_status(app):
    await call(app, "/predict", ROW)
    await call(app, "/v2/models/scaler/infer", b"{}")

    assert counted(app, model="scaler", version="1", route="/predict", code="200") == 1
    assert counted(app, model="scaler", version="1", route="/v2/models/{model}/infer", code="400") == 1


async def test_a_model_that_a_client_makes_up_is_counted_as_unknown(app):
    await call(app, "/v2/models/made-up/infer", ROW)

    assert counted(app, model="unknown", version="", route="/v2/models/{model}/infer", code="404") == 1
    assert b"made-up" not in app.server.metrics.render()


async def test_a_path_that_a_client_makes_up_is_no_label(app):
    await call(app, "/made-up/path", method="GET")

    assert counted(app, model="", version="", route="unknown", code="404") == 1


async def test_a_model_that_fails_is_logged_once_with_its_traceback_and_answered_without(app, monkeypatch, caplog):
    def fails(_inputs):
        raise ZeroDivisionError("the secret of the model")

    monkeypatch.setattr(app.server.table.find_default().batcher._runtime, "predict", fails)

    answer = await call(app, "/predict", ROW, x_request_id="abc")

    assert (answer.status, answer.json()) == (500, {"error": "the model failed on this request"})
    (record,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert record.request_id == "abc"
    assert isinstance(record.exc_info[1].__cause__, ZeroDivisionError)


async def test_a_fault_of_our_own_is_logged_once_and_answered_without_details(app, monkeypatch, caplog):
    monkeypatch.setattr(app.server.table, "find_default", lambda: 1 / 0)

    answer = await call(app, "/predict", ROW)

    assert (answer.status, list(answer.json())) == (500, ["error"])
    assert "division" not in answer.body.decode()
    assert [record.getMessage() for record in caplog.records] == ["request failed"]


async def test_a_users_own_route_is_answered_by_fastapi_with_our_id(app):
    app.get("/own")(lambda: {"mine": 1})

    answer = await call(app, "/own", method="GET", x_request_id="abc")

    assert (answer.status, answer.json(), answer.headers["x-request-id"]) == (200, {"mine": 1}, "abc")


async def test_a_users_own_route_that_fails_is_answered_once(app, caplog):
    @app.get("/own")
    def own() -> None:
        raise ZeroDivisionError("secret")

    answer = await call(app, "/own", method="GET")

    assert (answer.status, list(answer.json())) == (500, ["error"])
    assert b"secret" not in answer.body
    assert counted(app, model="", version="", route="unknown", code="500") == 1
    assert len([record for record in caplog.records if record.levelno >= logging.ERROR]) == 1


async def test_a_draining_server_still_answers_and_closes_the_connection(app):
    app.server.health.status = "draining"

    answer = await call(app, "/predict", ROW)

    assert (answer.status, answer.headers["connection"]) == (200, "close")


async def test_a_drained_server_sends_requests_to_others(app):
    app.server.health.accepting = False

    answer = await call(app, "/predict", ROW)

    assert (answer.status, answer.headers["retry-after"]) == (503, "1")


async def test_a_full_queue_answers_429_with_a_time_to_come_back(app, monkeypatch):
    fill(app, monkeypatch)

    answer = await call(app, "/predict", ROW)

    assert answer.status == 429
    assert int(answer.headers["retry-after"]) >= 1
    assert "rows" in answer.json()["error"]


@pytest.mark.parametrize("path", ["/predict", "/predict/batch", "/v2/models/scaler/infer"])
async def test_a_full_queue_refuses_before_the_body_is_decoded(app, monkeypatch, path):
    fill(app, monkeypatch)

    assert (await call(app, path, b"no JSON")).status == 429


def fill(app: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the batcher look as if a batch ran and no more rows could queue."""
    batcher = app.server.table.find_default().batcher
    monkeypatch.setattr(batcher, "ahead", lambda: Ahead(9, 1, Settings().max_queue_rows, 0.0))
    monkeypatch.setattr(type(batcher), "is_running", True)


@pytest.mark.parametrize(("path", "method"), [("/predict", "POST"), ("/v2", "GET"), ("/docs", "GET"), ("/x", "GET")])
async def test_a_server_with_keys_asks_for_one_everywhere_but_health(start, tmp_path, path, method):
    (tmp_path / "keys").write_text("alice:secret")
    app = await start(api_keys_file=tmp_path / "keys")

    refused = await call(app, path, ROW, method=method)
    accepted = await call(app, path, ROW, method=method, x_api_key="secret")
    health = await call(app, "/health", method="GET")

    assert (refused.status, refused.headers["www-authenticate"]) == (401, "Bearer")
    assert accepted.status in {200, 404}
    assert health.status == 200
