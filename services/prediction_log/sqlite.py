"""The prediction log in a SQLite file, which several processes may write to."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, event, make_url
from sqlalchemy.pool import NullPool

# How long one statement waits for another process's transaction; the writer tries again by itself.
BUSY_TIMEOUT_SECONDS = 1
# 40 MB: the tail of the tables is copied from the write-ahead log several times a second with SQLite's own 4 MB.
WAL_PAGES = 10_000
# A reader has time, and meets a lock only where a process ended badly and left something to repair.
READ_TIMEOUT_SECONDS = 10


def make_engine(url: str) -> Engine:
    """Return an engine without a pool: the log holds one connection for its life."""
    engine = create_engine(
        url, poolclass=NullPool, hide_parameters=True, connect_args={"timeout": BUSY_TIMEOUT_SECONDS}
    )
    event.listen(engine, "connect", _set_up)
    event.listen(engine, "begin", _begin)
    return engine


def make_reader(url: str) -> Engine:
    """Return an engine that reads, makes no file, and holds no writer up."""
    file = Path(make_url(url).database or "").absolute()

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True, timeout=READ_TIMEOUT_SECONDS)

    return create_engine("sqlite://", poolclass=NullPool, hide_parameters=True, creator=connect)


def insert(connection: Connection, table: Table, rows: Sequence[tuple[object, ...]]) -> None:
    """Write rows in one transaction.

    By the driver's executemany, 3.5 µs a row; SQLAlchemy's `insert()` takes 18.
    """
    names = [column.name for column in table.columns]
    marks = ", ".join("?" * len(names))
    statement = f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({marks}) ON CONFLICT (id) DO NOTHING"
    with connection.begin():
        connection.exec_driver_sql(statement, list(rows))


def _set_up(connection: Any, _record: object) -> None:
    """Leave transactions to `_begin`; readers beside one writer; a crash of the machine may lose the last rows only."""
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute(f"PRAGMA wal_autocheckpoint={WAL_PAGES}")


def _begin(connection: Connection) -> None:
    # The write lock at once: a reader's lock cannot be upgraded when another process wrote in between.
    connection.exec_driver_sql("BEGIN IMMEDIATE")
