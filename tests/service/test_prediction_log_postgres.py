"""The prediction log on a real PostgreSQL, which stops and comes back while rows are written."""

import itertools
import logging
import multiprocessing
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from services.core.settings import Settings
from services.prediction_log.database import Database
from services.prediction_log.log import PredictionLog, open_log
from services.prediction_log.rows import converter
from services.prediction_log.schema import VERSION_TABLE
from services.prediction_log.tables import metadata
from tests.service.postgres import PostgresServer
from tests.unit.prediction_log.parts import AT, Counts, record, request_ids, rows_of, wait_until

pytestmark = pytest.mark.needs("initdb")

Open = Callable[..., PredictionLog]

# Far above what a put takes, far below any time-out of the database.
LONGEST_PUT_SECONDS = 0.1


@pytest.fixture
def url(postgres_server: PostgresServer) -> str:
    """The URL of a new, empty database."""
    return postgres_server.new_database()


@pytest.fixture
def counts() -> Counts:
    """The counts of the logs that `opened` opens."""
    return Counts()


@pytest.fixture
def opened(url: str, counts: Counts) -> Iterator[Open]:
    """Open and start logs that are closed at the end."""
    logs: list[PredictionLog] = []

    def make(**settings: object) -> PredictionLog:
        log = open_log(Settings(**{"database_url": url, "log_retention_days": 0, **settings}), counts)  # type: ignore[arg-type]
        assert log is not None
        log.start()
        logs.append(log)
        return log

    yield make
    for log in logs:
        log.close(0)


def test_row_arrives_with_every_value(url: str, opened: Open, counts: Counts) -> None:
    log = opened(database_url=url.replace("postgresql://", "postgres://"))

    log.put(record("r-1"))
    log.put_feedback("r-1", {"species": 1.0})

    wait_until(lambda: counts.rows_written == 2)
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
    (truth,) = rows_of(url, "feedback")
    assert (truth["request_id"], truth["truth"]) == ("r-1", {"species": 1.0})
    assert abs(truth["at"] - datetime.now(UTC)) < timedelta(minutes=1)


def test_odd_values_arrive(url: str, opened: Open) -> None:
    log = opened()
    odd = {
        "text": np.array(
            [["NUL \0", "lone \ud800", "tab\tnew\nline\\back\\u0000", 'quote"', "é中🙂", "\\N"]], dtype=object
        ),
        "float": np.array([np.nan, np.inf, -0.0, 1e300]),
        "empty": np.zeros((0, 3), dtype=np.float32),
        "bool": np.array([[True], [False]]),
        "large": np.array([2**64 - 1], dtype=np.uint64),
    }

    log.put(record("id\0\ud800\t\\é" + "x" * 5000, inputs=odd, version=None, outputs=None))
    log.close(10)

    (row,) = rows_of(url)
    assert row["request_id"] == ("id\ufffd\ufffd\t\\é" + "x" * 5000)[:256]
    assert row["inputs"] == {
        "text": [["NUL \ufffd", "lone \ufffd", "tab\tnew\nline\\back\\u0000", 'quote"', "é中🙂", "\\N"]],
        "float": [None, None, -0.0, 1e300],
        "empty": [],
        "bool": [[True], [False]],
        "large": [2**64 - 1],
    }
    assert (row["version"], row["outputs"]) == (None, None)


def test_serving_goes_on_while_the_database_is_gone(
    url: str, opened: Open, counts: Counts, postgres_server: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "trivet.prediction_log")
    log = opened(log_queue_rows=300)
    longest_seconds, numbers = 0.0, itertools.count()

    def put(rows: int) -> None:
        nonlocal longest_seconds
        for _ in range(rows):
            start = time.perf_counter()
            log.put(record(str(next(numbers)), at=time.time()))
            longest_seconds = max(longest_seconds, time.perf_counter() - start)

    put(200)
    wait_until(lambda: counts.rows_written == 200)
    postgres_server.stop()
    put(1000)
    wait_until(lambda: bool(caplog.records))
    put(1000)
    postgres_server.start()
    wait_until(lambda: counts.total == 2200)
    put(100)
    log.close(10)

    assert counts.total == next(numbers)
    written = sorted(map(int, request_ids(url)))
    assert len(written) == counts.rows_written
    assert written == [*range(200), *range(1900, 2300)]
    assert longest_seconds < LONGEST_PUT_SECONDS
    assert [entry.levelname for entry in caplog.records] == ["WARNING", "INFO"]


def test_database_that_is_not_there_at_start_is_written_to_later(
    url: str, opened: Open, counts: Counts, postgres_server: PostgresServer
) -> None:
    postgres_server.stop()
    log = opened()
    log.put(record("early"))
    log.close(0.2)
    later = opened()
    later.put(record("kept"))

    postgres_server.start()

    wait_until(lambda: counts.rows_written == 1)
    assert counts.rows_dropped == 1
    assert request_ids(url) == ["kept"]


def test_rows_whose_answer_was_lost_are_not_written_twice(url: str) -> None:
    database = Database(url.replace("postgresql://", "postgresql+psycopg://"))
    rows = [converter(Settings())(record(str(number))).values for number in range(5)]

    database.insert("predictions", rows[:3])
    database.insert("predictions", rows)
    database.close()

    assert sorted(request_ids(url)) == ["0", "1", "2", "3", "4"]


def test_row_that_the_database_refuses_is_dropped_alone(url: str, opened: Open, counts: Counts) -> None:
    log = opened()

    for number in range(100):
        log.put(record(str(number), duration_seconds=None if number in {17, 60} else 0.1))
    log.close(10)

    assert (counts.rows_written, counts.rows_dropped) == (98, 2)
    assert len(rows_of(url)) == 98


def test_old_rows_are_deleted(url: str, opened: Open, counts: Counts) -> None:
    log = opened()
    for number in range(700):
        log.put(record(f"old-{number}", at=AT - 40 * 86_400))
    log.put(record("new", at=time.time()))
    log.close(10)

    opened(log_retention_days=30)

    wait_until(lambda: request_ids(url) == ["new"])


def test_migrations_make_the_tables_that_the_code_writes(url: str) -> None:
    database = Database(url.replace("postgresql://", "postgresql+psycopg://"))

    with database.connect().begin() as transaction:
        options = {"version_table": VERSION_TABLE, "compare_type": True}
        differences = compare_metadata(MigrationContext.configure(transaction.connection, opts=options), metadata)
    database.close()

    assert differences == []


def test_processes_that_start_at_once_make_one_schema(url: str, tmp_path: Path) -> None:
    def write(name: str) -> None:
        counts = Counts()
        log = open_log(Settings(database_url=url), counts)
        assert log is not None
        log.start()
        log.put(record(name, at=time.time()))
        log.close(20)
        assert counts.rows_written == 1

    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=write, args=(name,)) for name in ("a", "b", "c")]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)

    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert sorted(request_ids(url)) == ["a", "b", "c"]
