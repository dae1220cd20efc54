"""Alembic's entry: runs the migrations on the connection, and in the transaction, that `schema.py` hands over."""

from alembic import context

from services.prediction_log.schema import VERSION_TABLE
from services.prediction_log.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    transactional_ddl=True,
)
context.run_migrations()
