"""Rows of the prediction log as the reader gives them."""

import uuid
from datetime import UTC, datetime

from services.prediction_log.payload import Encoder
from services.prediction_log.reader import Logged

ENCODER = Encoder(1 << 20, frozenset())
AT = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)


def logged_row(inputs, outputs, text=None, **changes):
    """Return a row with these tensors. text: its inputs as they stand, instead."""
    values = {
        "id": uuid.uuid4(),
        "at": AT,
        "request_id": "r",
        "version": "3",
        "digest": "d" * 64,
        "code": 200,
        "inputs": text or ENCODER.inputs(inputs),
        "outputs": ENCODER.outputs(outputs),
        "compute_seconds": 0.001,
    }
    return Logged(**{**values, **changes})
