"""The database of the prediction log: one connection, made when needed, its schema, batched inserts, retention."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, delete, event, select
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.pool import NullPool

from services.prediction_log import schema
from services.prediction_log.tables import metadata

REFUSALS = (DataError, IntegrityError, UnicodeError, OverflowError)
"""What the database raises because of a row's content; to try again is no use."""

CONNECT_TIMEOUT_SECONDS = 5
BUSY_TIMEOUT_SECONDS = 1


class Database:
    """Belongs to the thread that made it. Every method may raise SQLAlchemyError; then call `disconnect`."""

    def __init__(self, url: str) -> None:
        self._engine = make_engine(url)
        self._connection: Connection | None = None
        self.name = self._engine.dialect.name

    def connect(self) -> Connection:
        """Return the connection; make it, and the schema, when there is none."""
        if self._connection is None:
            self._connection = self._engine.connect()
            schema.ensure(self._connection)
        return self._connection

    def insert(self, table: str, rows: Sequence[tuple[object, ...]]) -> None:
        """Write rows in one transaction; one that is there already, from a try whose answer was lost, is left alone."""
        connection = self.connect()
        with connection.begin():
            connection.exec_driver_sql(_insert(metadata.tables[table]), list(rows))

    def delete_before(self, table: str, moment: datetime, rows: int) -> int:
        """Delete up to so many rows older than a moment, oldest first; return how many there were."""
        columns = metadata.tables[table].c
        oldest = select(columns.id).where(columns.at < moment).order_by(columns.at).limit(rows)
        connection = self.connect()
        with connection.begin():
            # Another process may delete the same rows: each takes those that are free.
            statement = delete(metadata.tables[table]).where(columns.id.in_(oldest.with_for_update(skip_locked=True)))
            return connection.execute(statement).rowcount

    def disconnect(self) -> None:
        """Forget the connection, so that the next call makes a new one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.invalidate()
            connection.close()

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None
        self._engine.dispose()


def make_engine(url: str) -> Engine:
    """Return an engine for SQLite or PostgreSQL without a pool: the log holds one connection for its life."""
    if url.startswith("sqlite"):
        engine = create_engine(
            url, poolclass=NullPool, hide_parameters=True, connect_args={"timeout": BUSY_TIMEOUT_SECONDS}
        )
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    return create_engine(url, poolclass=NullPool, hide_parameters=True)


def _insert(table: Table) -> str:
    names = [column.name for column in table.columns]
    marks = ", ".join("?" * len(names))
    return f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({marks}) ON CONFLICT (id) DO NOTHING"


def _set_up_sqlite(connection: Any, _record: object) -> None:
    """Leave transactions to `_begin_sqlite`; readers and one writer at a time, safe against a crash of the process."""
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")


def _begin_sqlite(connection: Connection) -> None:
    # The write lock at once: to upgrade a reader's lock fails when another process wrote in between.
    connection.exec_driver_sql("BEGIN IMMEDIATE")
