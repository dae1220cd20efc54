"""The prediction log in PostgreSQL, through psycopg."""

from collections.abc import Sequence
from typing import Any

from psycopg.errors import UniqueViolation
from sqlalchemy import Connection, Engine, Table, create_engine, event
from sqlalchemy.pool import NullPool

# A server that is gone without a word is noticed after this long, when connecting and when writing.
CONNECT_TIMEOUT_SECONDS = 5
UNANSWERED_TIMEOUT_MILLISECONDS = 10_000


def make_engine(url: str) -> Engine:
    """Return an engine without a pool: the log holds one connection for its life."""
    connect_args = {
        "connect_timeout": CONNECT_TIMEOUT_SECONDS,
        "tcp_user_timeout": UNANSWERED_TIMEOUT_MILLISECONDS,
        "application_name": "trivet",
        "prepare_threshold": None,  # poolers that give each transaction another connection know no prepared statements
    }
    engine = create_engine(url, poolclass=NullPool, hide_parameters=True, connect_args=connect_args)
    event.listen(engine, "connect", _set_up)
    return engine


def make_reader(url: str) -> Engine:
    """Return an engine whose transactions are read-only."""
    return make_engine(url).execution_options(postgresql_readonly=True)


def insert(connection: Connection, table: Table, rows: Sequence[tuple[object, ...]]) -> None:
    """Write rows in one transaction.

    By COPY: 2 µs a row here and 5 in the server, where executemany takes 10 and 11. COPY cannot leave out the rows of
    an earlier try whose answer was lost, so they are inserted one by one then.
    """
    names = ", ".join(column.name for column in table.columns)
    try:
        with connection.begin(), connection.connection.cursor().copy(f"COPY {table.name} ({names}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
    except UniqueViolation:
        marks = ", ".join(["%s"] * len(table.columns))
        statement = f"INSERT INTO {table.name} ({names}) VALUES ({marks}) ON CONFLICT (id) DO NOTHING"
        with connection.begin():
            connection.exec_driver_sql(statement, list(rows))


def _set_up(connection: Any, _record: object) -> None:
    """Read and write times in UTC, which rows carry without saying so."""
    connection.execute("SET TIME ZONE 'UTC'")
    connection.commit()
