"""An error that only a failing model shows; all others are in the conformance suite."""

from tests.service.shapes import answer_of, error_of


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
