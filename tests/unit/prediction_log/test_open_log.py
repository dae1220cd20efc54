"""Which log the settings ask for."""

import subprocess
import sys
from pathlib import Path

import pytest

from services.core.errors import SettingsInvalid
from services.core.settings import Settings
from services.prediction_log.log import open_log
from tests.unit.prediction_log.parts import Counts, record, request_ids


@pytest.mark.parametrize("settings", [{"database_url": ""}, {"log_sample_ratio": 0}])
def test_no_url_or_no_sample_is_no_log(settings: dict[str, object], counts: Counts, tmp_path: Path) -> None:
    assert open_log(Settings(home=tmp_path, **settings), counts) is None  # type: ignore[arg-type]


def test_embedded_is_a_file_in_the_home_folder(counts: Counts, tmp_path: Path) -> None:
    log = open_log(Settings(home=tmp_path / "home"), counts)
    assert log is not None

    log.start()
    log.put(record("r-1"))
    log.close(10)

    assert request_ids(f"sqlite:///{tmp_path}/home/predictions.db") == ["r-1"]


def test_home_that_cannot_be_made_stops_the_start(counts: Counts, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(SettingsInvalid, match=r"TRIVET_HOME: .*/file/home cannot be made: Not a directory"):
        open_log(Settings(home=tmp_path / "file" / "home"), counts)


def test_url_is_read_from_a_file(counts: Counts, tmp_path: Path) -> None:
    (tmp_path / "url").write_text("mysql://somewhere\n")

    with pytest.raises(SettingsInvalid, match="TRIVET_DATABASE_URL is neither"):
        open_log(Settings(database_url_file=tmp_path / "url"), counts)
    with pytest.raises(SettingsInvalid, match="No such file"):
        open_log(Settings(database_url_file=tmp_path / "none"), counts)


@pytest.mark.parametrize("url", ["predictions.db", "mysql://a/b", "postgresql+asyncpg://a/b", "postgres://a:port/b"])
def test_url_that_cannot_be_served_stops_the_start(url: str, counts: Counts) -> None:
    with pytest.raises(SettingsInvalid, match="TRIVET_DATABASE_URL"):
        open_log(Settings(database_url=url), counts)


def test_sqlalchemy_is_not_imported_before_the_log_starts() -> None:
    program = "import sys, services.prediction_log.log; print('sqlalchemy' in sys.modules)"

    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert result.stdout.strip() == "False"
