"""The schema's version: read at every start, brought up to date by Alembic only when it is not the newest."""

import logging
from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError, ProgrammingError

VERSION_TABLE = "prediction_log_version"
"""Of our own: MLflow, which may share the database, keeps its version in `alembic_version`."""

HEAD = "0001"
"""The newest revision in `migrations`, written here so that a start need not import Alembic (0.3 s) to know it."""

MIGRATIONS = Path(__file__).parent / "migrations"

# Any number that nobody else locks: the first eight bytes of "trivet.prediction_log".
_ADVISORY_LOCK = int.from_bytes(b"trivet.p", "big", signed=True)

_logger = logging.getLogger("trivet.prediction_log")


def ensure(connection: Connection) -> None:
    """Bring the schema to HEAD; several processes may do so at once.

    A version that this code does not know was left by a newer one, and is written to as it is: rows name their columns.
    """
    if version(connection) == HEAD:
        return
    with connection.begin():
        # SQLite is locked by BEGIN IMMEDIATE already.
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
        _upgrade(connection)


def version(connection: Connection) -> str | None:
    """Return the version of the database's schema, or None when it has none."""
    try:
        with connection.begin():
            return connection.exec_driver_sql(f"SELECT version_num FROM {VERSION_TABLE}").scalar_one_or_none()
    except (OperationalError, ProgrammingError) as error:
        if error.connection_invalidated:
            raise
        return None


def _upgrade(connection: Connection) -> None:
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it tells of its plug-ins as it is imported
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        _logger.warning("The prediction log's schema is of a newer version", extra={"error": str(error)})
