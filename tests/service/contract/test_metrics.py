"""The values of metrics after known traffic; their names and labels are in the conformance suite."""

import pytest

from tests.service.metrics import samples_of, value_of
from tests.service.shapes import infer_body


@pytest.fixture(scope="module")
def busy(serve, iris):
    """A client of a server that has answered and refused a request of each kind."""
    with serve(log_level="warning").client() as client:
        client.post("/predict", json={"features": iris.rows[0]})
        client.post("/predict/batch", json={"inputs": iris.rows[:3]})
        client.post(f"/v2/models/{iris.name}/infer", json=infer_body(iris, 2))
        client.post("/predict", content=b"{")
        client.post("/predict", json={"features": iris.rows[0]}, headers={"request-timeout": "0.000000001"})
        client.post("/v2/models/nobody/infer", json=infer_body(iris))
        client.get("/v2/models/somebody")
        client.get("/nothing/at/all")
        yield client


def test_every_metric_names_the_engine_and_the_logs_metrics_nothing_else(busy, engine):
    ours = [sample for sample in samples_of(busy) if sample.name.startswith("inference_")]

    assert {sample.labels["engine"] for sample in ours} == {engine}
    of_log = {
        sample.name: set(sample.labels) for sample in ours if sample.name.endswith(("written_total", "dropped_total"))
    }
    assert of_log == {"inference_log_written_total": {"engine"}, "inference_log_dropped_total": {"engine"}}


def test_requests_are_counted_by_route_and_code(busy, iris):
    def count(**labels):
        return value_of(busy, "inference_requests_total", **labels)

    assert count(model=iris.name, version="0", route="/predict", code="200") == 1
    assert count(model=iris.name, version="0", route="/predict", code="400") == 1
    assert count(model=iris.name, version="0", route="/predict", code="429") == 1
    assert count(model=iris.name, version="0", route="/v2/models/{model}/infer", code="200") == 1


def test_an_unknown_model_is_counted_as_unknown(busy):
    labels = {sample.labels.get("model") for sample in samples_of(busy)}

    assert "nobody" not in labels and "somebody" not in labels
    assert value_of(busy, "inference_requests_total", model="unknown", code="404") == 2


def test_rows_are_counted_once(busy, iris):
    assert value_of(busy, "inference_batch_rows_sum", model=iris.name) == 1 + 3 + 2
    assert value_of(busy, "inference_queue_duration_seconds_count", model=iris.name) == 3


def test_nothing_is_in_flight_when_all_is_answered(busy, iris):
    assert value_of(busy, "inference_requests_in_flight", model=iris.name) == 0
    assert value_of(busy, "inference_queue_rows", model=iris.name) == 0


def test_a_refusal_is_counted_with_its_reason(busy, iris):
    assert value_of(busy, "inference_refused_total", model=iris.name, reason="deadline") == 1


def test_start_took_some_seconds(busy):
    assert 0 < value_of(busy, "inference_start_duration_seconds") < 60


def test_reloads_are_counted_by_outcome(start, iris, tmp_path):
    keys = tmp_path / "admin"
    keys.write_text("root:secret\n")
    with start(admin_keys_file=keys).client(headers={"x-api-key": "secret"}) as client:
        client.post(f"/v2/repository/models/{iris.name}/load").raise_for_status()
        loads = value_of(client, "inference_model_load_duration_seconds_count", model=iris.name)
        swaps = value_of(client, "inference_model_reloads_total", model=iris.name, outcome="swapped")

    assert (loads, swaps) == (2, 1)
