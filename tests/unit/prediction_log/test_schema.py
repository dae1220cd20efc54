"""The schema: one head, models and migrations that agree, processes that start at once, newer versions left alone."""

import logging
import sqlite3
import subprocess
import sys
from pathlib import Path
from threading import Thread

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from services.prediction_log.database import Database
from services.prediction_log.schema import HEAD, MIGRATIONS, VERSION_TABLE
from services.prediction_log.tables import metadata


def test_head_is_the_newest_revision() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))

    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_migrations_make_the_tables_that_the_code_writes(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/new.db")

    with database.connect().begin() as transaction:
        context = MigrationContext.configure(
            transaction.connection, opts={"version_table": VERSION_TABLE, "compare_type": True}
        )
        differences = compare_metadata(context, metadata)
    database.close()

    assert differences == []


def test_starts_at_once_make_one_schema(tmp_path: Path) -> None:
    failures: list[Exception] = []

    def start() -> None:
        database = Database(f"sqlite:///{tmp_path}/new.db")
        try:
            database.connect()
        except Exception as error:
            failures.append(error)
        finally:
            database.close()

    threads = [Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []


def test_newer_schema_is_left_as_it_is(url: str, caplog: pytest.LogCaptureFixture) -> None:
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        connection.execute(f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
    connection.close()
    database = Database(url)

    with caplog.at_level(logging.WARNING, "trivet.prediction_log"):
        database.connect()
    database.close()

    assert [entry.message for entry in caplog.records] == ["The prediction log's schema is of a newer version"]


def test_start_on_the_newest_schema_does_not_import_alembic(url: str) -> None:
    program = (
        "import sys; from services.prediction_log.database import Database; "
        f"database = Database({url!r}); database.connect(); database.close(); "
        "print(sorted({name.partition('.')[0] for name in sys.modules} & {'alembic', 'sqlalchemy', 'psycopg'}))"
    )

    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert result.stdout.strip() == "['sqlalchemy']"
