"""Fixtures of the prediction log on SQLite."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from services.core.settings import Settings
from services.prediction_log.database import Database
from services.prediction_log.log import PredictionLog, open_log
from tests.unit.prediction_log.parts import Counts

Open = Callable[..., PredictionLog]


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the schema and no rows, so that not every test has to run the migrations."""
    path = tmp_path_factory.mktemp("empty") / "predictions.db"
    database = Database(f"sqlite:///{path}")
    database.connect()
    database.close()
    return path


@pytest.fixture
def url(empty_database: Path, tmp_path: Path) -> str:
    """The URL of a database of the test's own."""
    return f"sqlite:///{shutil.copy(empty_database, tmp_path / 'predictions.db')}"


@pytest.fixture
def counts() -> Counts:
    """The counts of the logs that `opened` opens."""
    return Counts()


@pytest.fixture
def opened(url: str, counts: Counts) -> Iterator[Open]:
    """Open logs that are closed at the end: opened(log_queue_rows=3). Not started."""
    logs: list[PredictionLog] = []

    def make(**settings: object) -> PredictionLog:
        log = open_log(Settings(**{"database_url": url, "log_retention_days": 0, **settings}), counts)  # type: ignore[arg-type]
        assert log is not None
        logs.append(log)
        return log

    yield make
    for log in logs:
        log.close(0)
