"""The database of the prediction log: one connection, made when needed, its schema, inserts and deletes."""

import importlib
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from types import ModuleType

from sqlalchemy import Connection, Engine, delete, select
from sqlalchemy.exc import SQLAlchemyError

from services.prediction_log import schema
from services.prediction_log.tables import metadata


class Database:
    """Belongs to the thread that made it. What the driver raises comes through; then call `disconnect`."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._engine: Engine | None = None
        self._connection: Connection | None = None
        self.name = name_of(url)

    def connect(self) -> Connection:
        """Return the connection; make it, and the schema, when there is none."""
        if self._engine is None:
            self._engine = dialect(self.name).make_engine(self._url)
        if self._connection is None:
            self._connection = self._engine.connect()
            schema.ensure(self._connection)
        return self._connection

    def insert(self, table: str, rows: Sequence[tuple[object, ...]]) -> None:
        """Write rows in one transaction; one that is there already, from a try whose answer was lost, is left alone.

        rows: every column's value, in the order of the table's columns.
        """
        dialect(self.name).insert(self.connect(), metadata.tables[table], rows)

    def delete_before(self, table: str, moment: datetime, rows: int) -> int:
        """Delete up to so many rows older than a moment, oldest first; return how many there were."""
        columns = metadata.tables[table].c
        oldest = select(columns.id).where(columns.at < moment).order_by(columns.at).limit(rows)
        connection = self.connect()
        with connection.begin():
            # Another process may delete at the same time: each takes the rows that are free.
            free = oldest.with_for_update(skip_locked=True)
            return connection.execute(delete(metadata.tables[table]).where(columns.id.in_(free))).rowcount

    def disconnect(self) -> None:
        """Forget the connection, so that the next call makes a new one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(SQLAlchemyError):  # it may be closed already
                connection.invalidate()
            connection.close()

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None
        if self._engine is not None:
            self._engine.dispose()


def refuses_content(error: Exception) -> bool:
    """Return whether an error is about a row's content, so that to try again is no use.

    By the names that PEP 249 gives: SQLAlchemy's and each driver's classes share nothing else.
    """
    names = {kind.__name__ for kind in type(error).__mro__}
    return not names.isdisjoint({"DataError", "IntegrityError", "UnicodeError", "OverflowError"})


def name_of(url: str) -> str:
    """Return `sqlite` or `postgresql`."""
    return url.partition(":")[0].partition("+")[0]


def dialect(name: str) -> ModuleType:
    """Return the module of one database; its driver is imported with it."""
    return importlib.import_module(f"services.prediction_log.{name}")
