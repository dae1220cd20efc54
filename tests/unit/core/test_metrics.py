"""Metrics of one process, in an object of its own."""

import os

import pytest

from services.core.metrics import Metrics


def test_two_servers_in_one_process_count_apart():
    first, second = Metrics("fastapi"), Metrics("ray")

    first.refused("m", "queue_full")

    assert b'inference_refused_total{engine="fastapi",model="m",reason="queue_full"} 1.0' in first.render()
    assert b"queue_full" not in second.render()


def test_an_answer_is_counted_by_its_status_and_timed_without_it():
    metrics = Metrics("fastapi")

    for code in ("200", "200", "400"):
        metrics.answered("m", "1", "/predict", code, 0.02)

    text = metrics.render().decode()
    labels = 'engine="fastapi",model="m",route="/predict"'
    assert f'inference_requests_total{{code="200",{labels},version="1"}} 2.0' in text
    assert f'inference_requests_total{{code="400",{labels},version="1"}} 1.0' in text
    assert f"inference_request_duration_seconds_count{{{labels}}} 3.0" in text


def test_no_name_has_a_colon_and_every_one_our_prefix():
    metrics = Metrics("fastapi")
    metrics.for_model("m")

    names = [line.split()[2] for line in metrics.render().decode().splitlines() if line.startswith("# TYPE")]

    assert [name for name in names if ":" in name or not name.startswith(("inference_", "process_"))] == []


def test_every_metric_says_what_it_is_for():
    text = Metrics("fastapi").render().decode()

    assert [line for line in text.splitlines() if line.startswith("# HELP") and len(line.split()) < 6] == []


@pytest.mark.parametrize("seconds", [0.00005, 0.0002, 0.03, 30])
def test_durations_from_microseconds_to_a_timeout_fall_into_buckets(seconds):
    metrics = Metrics("fastapi")

    metrics.answered("m", "1", "/predict", "200", seconds)

    total = {"engine": "fastapi", "model": "m", "route": "/predict"}
    assert metrics.registry.get_sample_value("inference_request_duration_seconds_sum", total) == seconds


def test_what_was_observed_is_in_its_bucket_once_however_often_it_is_asked_for():
    metrics = Metrics("fastapi")
    of_model = metrics.for_model("m")
    found = []

    for seconds in (0.0001, 0.00011, 11.0):
        of_model.queue_seconds.observe(seconds)
        found.append(bucket(metrics, "0.0001"))
    found += [bucket(metrics, "0.00025"), bucket(metrics, "10.0"), bucket(metrics, "+Inf")]

    assert found == [1, 1, 1, 2, 2, 3]


def bucket(metrics: Metrics, limit: str) -> float | None:
    labels = {"engine": "fastapi", "model": "m", "le": limit}
    return metrics.registry.get_sample_value("inference_queue_duration_seconds_bucket", labels)


def test_versions_of_a_model_share_their_levels():
    metrics = Metrics("fastapi")

    metrics.for_model("m").in_flight.inc()
    metrics.for_model("m").in_flight.inc()
    metrics.for_model("m").in_flight.dec()

    labels = {"engine": "fastapi", "model": "m"}
    assert metrics.registry.get_sample_value("inference_requests_in_flight", labels) == 1


def test_a_worker_has_peers_when_another_that_lives_exports_beside_it(tmp_path):
    alone = Metrics("fastapi", tmp_path).has_peers
    (tmp_path / "gauge_livemax_999999999.db").touch()
    beside_a_dead_one = Metrics("fastapi", tmp_path).has_peers
    (tmp_path / f"gauge_livemax_{os.getppid()}.db").touch()

    assert (alone, beside_a_dead_one, Metrics("fastapi", tmp_path).has_peers) == (False, False, True)
    assert not Metrics("fastapi").has_peers
