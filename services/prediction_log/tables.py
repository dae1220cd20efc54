"""The tables of the prediction log. Their history is in `migrations`; a test holds both together."""

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    Column,
    DateTime,
    Dialect,
    Double,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    TypeDecorator,
    Uuid,
)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime in UTC; SQLite, which has no time zones, stores it without one."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the same moment in UTC."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the stored moment, aware."""
        return None if value is None else value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


metadata = MetaData()

# JSON and not JSONB on PostgreSQL: the log is written far more often than looked into, JSON costs the server one check
# and no conversion, and it keeps the decimals as they were answered.
predictions = Table(
    "predictions",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("request_id", String, nullable=False),
    Column("engine", String, nullable=False),
    Column("model", String, nullable=False),
    Column("version", String),
    Column("digest", String),
    Column("route", String, nullable=False),
    Column("code", Integer, nullable=False),
    Column("inputs", JSON),
    Column("outputs", JSON),
    Column("queue_seconds", Double),
    Column("compute_seconds", Double),
    Column("duration_seconds", Double, nullable=False),
    # Retention, replay and drift all ask for a span of time.
    Index("ix_predictions_at", "at"),
    # Feedback names its request, and so does a client that asks what it was answered.
    Index("ix_predictions_request_id", "request_id"),
)

feedback = Table(
    "feedback",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("request_id", String, nullable=False),
    Column("truth", JSON, nullable=False),
    Index("ix_feedback_at", "at"),
    Index("ix_feedback_request_id", "request_id"),
)
