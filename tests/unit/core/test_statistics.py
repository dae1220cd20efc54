"""The statistics extension's counts and durations."""

import time

from services.core.statistics import Statistics

ZERO = {"count": 0, "ns": 0}


def test_a_new_model_has_done_nothing():
    described = Statistics().described()

    assert (described["inference_count"], described["execution_count"], described["last_inference"]) == (0, 0, 0)
    assert described["inference_stats"]["success"] == described["inference_stats"]["queue"] == ZERO
    assert described["batch_stats"] == []


def test_rows_are_inferences_and_runs_are_executions():
    statistics = Statistics()
    statistics.ran(5, 0.5)
    statistics.answered(2, 0.25, 0.75)
    statistics.answered(3, 0.25, 1.0)

    described = statistics.described()

    assert (described["inference_count"], described["execution_count"]) == (5, 1)
    assert described["inference_stats"]["success"] == {"count": 2, "ns": 1_750_000_000}
    assert described["inference_stats"]["queue"] == {"count": 2, "ns": 500_000_000}
    assert described["inference_stats"]["compute_infer"] == {"count": 1, "ns": 500_000_000}


def test_failures_are_counted_apart():
    statistics = Statistics()

    statistics.failed(0.5)

    assert statistics.described()["inference_stats"]["fail"] == {"count": 1, "ns": 500_000_000}
    assert statistics.described()["inference_count"] == 0


def test_each_size_of_batch_has_its_own_durations():
    statistics = Statistics()
    for rows, seconds in ((8, 0.5), (1, 0.25), (8, 0.5)):
        statistics.ran(rows, seconds)

    assert [(entry["batch_size"], entry["compute_infer"]) for entry in statistics.described()["batch_stats"]] == [
        (1, {"count": 1, "ns": 250_000_000}),
        (8, {"count": 2, "ns": 1_000_000_000}),
    ]


def test_the_last_inference_is_in_milliseconds_since_the_epoch():
    statistics = Statistics()

    statistics.answered(1, 0.0, 0.0)

    assert abs(statistics.described()["last_inference"] - time.time() * 1000) < 60_000
