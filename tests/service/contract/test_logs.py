"""The log: one JSON object a line, one line a request, and nothing of what was in it."""

import datetime

from tests.service.shapes import infer_body


def test_every_request_has_one_line_with_its_fields(start, iris):
    server = start()
    with server.client() as client:
        good = client.post("/predict", json={"features": iris.rows[0]}).headers["x-request-id"]
        bad = client.post("/predict", content=b"{", headers={"x-request-id": "seven"}).headers["x-request-id"]
        client.post("/v2/models/nobody/infer", json=infer_body(iris))
    server.stop()

    lines = {line["request_id"]: line for line in server.lines() if line["event"] == "request"}
    assert lines[good].items() >= {"route": "/predict", "model": iris.name, "version": "0", "status": 200}.items()
    assert lines[bad]["status"] == 400
    assert 0 < lines[good]["duration_seconds"] < 30
    assert [line["model"] for line in lines.values() if line["status"] == 404] == ["unknown"]


def test_every_line_has_a_time_a_level_and_an_event(start):
    server = start()
    server.stop()

    for line in server.lines():
        assert datetime.datetime.fromisoformat(line["time"]).utcoffset() == datetime.timedelta(0)
        assert line["level"] in ("info", "warning", "error")
        assert line["event"]


def test_inputs_outputs_and_headers_are_not_in_the_log(start, iris):
    server = start()
    with server.client() as client:
        client.post("/predict", json={"features": [5.4321, 3.5, 1.4, 0.2]}, headers={"x-secret": "hidden-header"})
        client.post("/predict", json={"features": [5.4321, "typo-value", 1.4, 0.2]})
        client.get("/v2?token=hidden-query")
    server.stop()

    log = server.log_text()
    assert not any(secret in log for secret in ("5.4321", "hidden-header", "hidden-query", "typo-value"))


def test_a_higher_level_leaves_the_lines_of_requests_out(start, iris):
    server = start(log_level="warning")
    with server.client() as client:
        client.post("/predict", json={"features": iris.rows[0]})
    server.stop()

    assert server.log_text() == ""


def test_an_unknown_setting_stops_the_start_with_the_nearest_name(start):
    server = start(wait="nothing", max_batch_row=3)

    assert server.process.wait(timeout=30) == 3
    assert server.log_text().count("\n") == 1
    assert "TRIVET_MAX_BATCH_ROWS" in server.log_text()


def test_a_setting_that_does_not_fit_stops_the_start_and_is_named(start):
    server = start(wait="nothing", max_queue_rows="many")

    assert server.process.wait(timeout=30) == 3
    assert "TRIVET_MAX_QUEUE_ROWS" in server.log_text()
