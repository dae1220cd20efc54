"""Gauges of a model that is no longer loaded vanish; what was counted stays."""

from services.core.metrics import Metrics


def lines(metrics: Metrics, start: str) -> list[str]:
    return [line for line in metrics.render().decode().splitlines() if line.startswith(f"inference_{start}{{")]


def serve(metrics: Metrics, model: str, version: str, *, served: bool = True) -> None:
    metrics.for_model(model)
    metrics.model_ready.labels("fastapi", model, version).set(served)
    metrics.model_info.labels("fastapi", model, version, "abc").set(served)


def test_the_gauges_of_an_unloaded_model_vanish_and_its_counters_stay():
    metrics = Metrics("fastapi")
    serve(metrics, "a", "1")
    serve(metrics, "b", "1")
    metrics.answered("b", "1", "/predict", "200", 0.1)

    serve(metrics, "b", "1", served=False)

    for name in ("model_ready", "model_info", "requests_in_flight", "queue_rows"):
        (line,) = lines(metrics, name)
        assert 'model="a"' in line
    assert len(lines(metrics, "requests_total")) == 1


def test_what_is_still_in_flight_of_an_unloaded_model_is_shown():
    metrics = Metrics("fastapi")
    serve(metrics, "a", "1", served=False)
    metrics.for_model("a").in_flight.inc()

    assert lines(metrics, "requests_in_flight") == ['inference_requests_in_flight{engine="fastapi",model="a"} 1.0']


def test_only_the_version_that_is_served_is_shown():
    metrics = Metrics("fastapi")
    serve(metrics, "a", "1")
    serve(metrics, "a", "2")

    serve(metrics, "a", "1", served=False)

    assert lines(metrics, "model_ready") == ['inference_model_ready{engine="fastapi",model="a",version="2"} 1.0']
