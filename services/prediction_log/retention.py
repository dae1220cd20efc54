"""Deletes rows older than the setting says, a chunk at a time between two batches, at start and then every hour."""

import time
from datetime import UTC, datetime, timedelta

from services.prediction_log.database import Database
from services.prediction_log.rows import FEEDBACK, PREDICTIONS

INTERVAL_SECONDS = 3600

# About 5 ms of work for SQLite, so that neither the writer nor another process waits long for the lock.
CHUNK_ROWS = 500


class Retention:
    """days: how old a row may get; 0 keeps all."""

    def __init__(self, days: float) -> None:
        self._days = days
        self._due = 0.0 if days else float("inf")

    def step(self, database: Database) -> bool:
        """Delete one chunk when it is due; return whether more waits. Raises what the database raises."""
        if time.monotonic() < self._due:
            return False
        oldest = datetime.now(UTC) - timedelta(days=self._days)
        deleted = [database.delete_before(table, oldest, CHUNK_ROWS) for table in (PREDICTIONS, FEEDBACK)]
        if max(deleted) == CHUNK_ROWS:
            return True
        self._due = time.monotonic() + INTERVAL_SECONDS
        return False
