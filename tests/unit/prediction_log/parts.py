"""What tests of the prediction log share, in this tier and the next: counts, records, a look into the database."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import create_engine, select
from sqlalchemy.pool import NullPool

from services.core.tensors import Tensors
from services.prediction_log.record import Record
from services.prediction_log.tables import metadata

AT = 1_767_225_600.25  # 2026-01-01 00:00:00.25 UTC
DEADLINE_SECONDS = 20


@dataclass
class Counts:
    """What the log says it did."""

    rows_written: int = 0
    rows_dropped: int = 0

    def written(self, rows: int) -> None:
        """Count."""
        self.rows_written += rows

    def dropped(self, rows: int) -> None:
        """Count."""
        self.rows_dropped += rows

    @property
    def total(self) -> int:
        """Rows whose fate is known."""
        return self.rows_written + self.rows_dropped


def record(request_id: str = "r", **changes: Any) -> Record:
    """Make a record of one answered request, with everything in it."""
    inputs: Tensors = {"features": np.array([[5.1, 3.5, 1.4, 0.2]], dtype=np.float32)}
    outputs: Tensors = {"prediction": np.array([2]), "probability": np.array([[0.43, 0.57]], dtype=np.float32)}
    values: dict[str, Any] = {
        "at": AT,
        "request_id": request_id,
        "engine": "fastapi",
        "model": "iris-classifier",
        "version": "3",
        "digest": "d" * 64,
        "route": "/predict",
        "code": 200,
        "duration_seconds": 0.004,
        "inputs": inputs,
        "outputs": outputs,
        "queue_seconds": 0.001,
        "compute_seconds": 0.002,
    }
    return Record(**{**values, **changes})


def rows_of(url: str, table: str = "predictions") -> list[dict[str, Any]]:
    """Read a whole table in the order of its ids."""
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"), poolclass=NullPool)
    with engine.connect() as connection:
        found = connection.execute(select(metadata.tables[table]).order_by("id")).mappings().all()
    return [dict(row) for row in found]


def request_ids(url: str) -> list[str]:
    """Read the request ids of all predictions in the order of their ids."""
    return [row["request_id"] for row in rows_of(url)]


def wait_until(holds: Callable[[], bool]) -> None:
    """Return as soon as it holds; fail after a deadline."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, "it never came to hold"
        time.sleep(0.01)
