"""The prediction log on real SQLite files: what arrives, what is dropped, how it ends."""

import logging
import multiprocessing
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.core.settings import Settings
from services.prediction_log import queue, retention, writer
from services.prediction_log.log import open_log
from tests.unit.prediction_log.conftest import Open
from tests.unit.prediction_log.parts import AT, DEADLINE_SECONDS, Counts, record, request_ids, rows_of, wait_until


def test_row_arrives_with_every_value(url: str, opened: Open, counts: Counts) -> None:
    log = opened()
    log.start()

    log.put(record("r-1"))

    wait_until(lambda: counts.rows_written == 1)
    (row,) = rows_of(url)
    assert row.pop("id").version == 7
    assert row == {
        "at": datetime(2026, 1, 1, 0, 0, 0, 250_000, UTC),
        "request_id": "r-1",
        "engine": "fastapi",
        "model": "iris-classifier",
        "version": "3",
        "digest": "d" * 64,
        "route": "/predict",
        "code": 200,
        "inputs": {"features": [[5.1, 3.5, 1.4, 0.2]]},
        "outputs": {"prediction": [2], "probability": [[0.43, 0.57]]},
        "queue_seconds": 0.001,
        "compute_seconds": 0.002,
        "duration_seconds": 0.004,
    }


def test_refused_request_has_nulls_where_it_never_got(url: str, opened: Open) -> None:
    log = opened()
    log.start()

    log.put(record(code=429, version=None, digest=None, inputs=None, outputs=None, queue_seconds=None))
    log.close(5)

    (row,) = rows_of(url)
    assert [name for name, value in row.items() if value is None] == [
        *("version", "digest", "inputs", "outputs", "queue_seconds")
    ]


@pytest.mark.parametrize("truth", [2, 1.5, "setosa", None, [1, 2], {"species": "setosa"}])
def test_feedback_arrives(url: str, opened: Open, truth: object) -> None:
    log = opened()
    log.start()

    log.put_feedback("r-1", truth)
    log.close(5)

    (row,) = rows_of(url, "feedback")
    assert (row["request_id"], row["truth"]) == ("r-1", truth)
    assert abs(row["at"] - datetime.now(UTC)) < timedelta(minutes=1)


def test_enough_rows_do_not_wait_for_the_end_of_a_pause(
    opened: Open, counts: Counts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "PAUSE_SECONDS", DEADLINE_SECONDS * 2)
    log = opened()
    log.put(record())
    log.start()
    wait_until(lambda: counts.rows_written == 1)  # and nothing more is taken before enough have come

    for _ in range(queue.ENOUGH_ROWS):
        log.put(record())

    wait_until(lambda: counts.rows_written == 1 + queue.ENOUGH_ROWS)


def test_close_writes_what_is_queued(url: str, opened: Open, counts: Counts) -> None:
    log = opened()
    log.start()

    for number in range(1200):
        log.put(record(str(number)))
    log.close(10)

    assert (counts.rows_written, counts.rows_dropped) == (1200, 0)
    assert sorted(map(int, request_ids(url))) == list(range(1200))
    assert "trivet-prediction-log" not in {thread.name for thread in threading.enumerate()}


def test_close_without_time_counts_what_is_queued_as_dropped(opened: Open, counts: Counts) -> None:
    log = opened()
    for _ in range(50):
        log.put(record())

    log.close(0)
    log.put(record())

    assert (counts.rows_written, counts.rows_dropped) == (0, 51)


def test_oldest_rows_are_dropped_when_the_queue_is_full(url: str, opened: Open, counts: Counts) -> None:
    log = opened(log_queue_rows=3)

    for number in range(10):
        log.put(record(str(number)))
    log.start()
    log.close(5)

    assert (counts.rows_written, counts.rows_dropped) == (3, 7)
    assert set(request_ids(url)) == {"7", "8", "9"}


def test_only_answered_requests_are_sampled(opened: Open, counts: Counts) -> None:
    log = opened(log_sample_ratio=0.25)

    for code in (200, 422, 503):
        for _ in range(2000):
            log.put(record(code=code))
    log.close(0)

    assert 4000 + 400 < counts.rows_dropped < 4000 + 600  # 500, give or take 5 standard deviations


def test_put_costs_less_than_to_copy_a_small_dictionary(opened: Open) -> None:
    log, one = opened(), record()
    pattern = dict.fromkeys(range(100))

    def seconds(call: object, argument: object) -> float:
        start = time.perf_counter()
        for _ in range(2000):
            call(argument)  # type: ignore[operator]
        return time.perf_counter() - start

    # A copy of 100 entries takes about 0.5 µs; put takes 0.12.
    assert min(seconds(log.put, one) for _ in range(5)) < min(seconds(dict, pattern) for _ in range(5))


def test_row_that_the_database_refuses_is_dropped_alone(
    url: str, opened: Open, counts: Counts, caplog: pytest.LogCaptureFixture
) -> None:
    log = opened()
    for number in range(100):
        log.put(record(str(number), duration_seconds=float("nan") if number in {17, 60} else 0.1))
    log.put(record("never", at=float("inf")))

    log.start()
    log.close(10)

    assert (counts.rows_written, counts.rows_dropped) == (98, 3)
    assert len(rows_of(url)) == 98
    assert {(entry.levelname, entry.rows) for entry in caplog.records} == {("ERROR", 3)}  # type: ignore[attr-defined]


def test_database_that_comes_later_gets_the_newest_rows(
    tmp_path: Path, counts: Counts, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "late"
    url = f"sqlite:///{folder}/predictions.db"
    log = open_log(Settings(database_url=url, log_queue_rows=10), counts)
    assert log is not None
    caplog.set_level(logging.INFO, "trivet.prediction_log")
    log.start()
    for number in range(30):
        log.put(record(str(number), at=time.time()))
    wait_until(lambda: bool(caplog.records))

    folder.mkdir()
    wait_until(lambda: counts.rows_written == 10)
    log.close(5)

    assert (counts.rows_written, counts.rows_dropped) == (10, 20)
    assert set(request_ids(url)) == {str(number) for number in range(20, 30)}
    ours = [entry.levelname for entry in caplog.records if entry.name == "trivet.prediction_log"]
    assert ours == ["WARNING", "INFO"]


def test_database_that_never_comes_does_not_hold_the_end_up(tmp_path: Path, counts: Counts) -> None:
    log = open_log(Settings(database_url=f"sqlite:///{tmp_path}/none/predictions.db"), counts)
    assert log is not None
    log.start()
    log.put(record())

    log.close(0.3)

    assert (counts.rows_written, counts.rows_dropped) == (0, 1)


def test_old_rows_are_deleted_in_chunks(
    url: str, opened: Open, counts: Counts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "CHUNK_ROWS", 10)
    log = opened()
    for number in range(25):
        log.put(record(f"old-{number}", at=AT - 40 * 86_400))
    log.put(record("new", at=time.time()))
    log.start()
    log.close(5)
    assert len(rows_of(url)) == 26

    keeper = opened(log_retention_days=30)
    keeper.start()

    wait_until(lambda: request_ids(url) == ["new"])
    keeper.close(5)


def test_processes_write_to_one_file_at_once(url: str) -> None:
    rows = 400

    def write(name: str) -> None:
        counts = Counts()
        log = open_log(Settings(database_url=url, log_retention_days=0), counts)
        assert log is not None
        log.start()
        for number in range(rows):
            log.put(record(f"{name}-{number}"))
            if number % 40 == 0:
                time.sleep(0.01)
        log.close(20)
        assert counts.rows_written == rows

    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=write, args=(name,)) for name in ("a", "b", "c")]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)

    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert set(request_ids(url)) == {f"{name}-{number}" for name in "abc" for number in range(rows)}
