"""From a record to the values of one row, in the writer's thread."""

import time
from collections.abc import Callable

from uuid_utils import uuid7

from services.core.settings import Settings
from services.prediction_log.payload import clean_text, tensors_to_json, value_to_json
from services.prediction_log.queue import Feedback, Item, Row
from services.prediction_log.record import Record

PREDICTIONS = "predictions"
FEEDBACK = "feedback"

# Longer text from a client would not fit in an index of PostgreSQL (2704 bytes, four a character).
MAX_TEXT_CHARACTERS = 256

# Feedback is kept or dropped whole: half a truth is none.
MAX_TRUTH_BYTES = 64 * 1024


def converter(settings: Settings) -> Callable[[Item], Row]:
    """Return the function that converts one item to its row; it raises when a value has no row.

    `id` is a UUIDv7 of the record's own time, as 32 hexadecimal digits, so that ids sort by `at`.
    `at` is `YYYY-MM-DD HH:MM:SS.ffffff`, UTC.
    """
    max_bytes = settings.log_max_payload_bytes
    redact = frozenset(settings.log_redact)
    payloads = settings.log_payloads == "all"

    def convert(item: Item) -> Row:
        if isinstance(item, Record):
            inputs = tensors_to_json(item.inputs, max_bytes, redact) if payloads else None
            outputs = tensors_to_json(item.outputs, max_bytes, frozenset()) if payloads else None
            return Row(PREDICTIONS, _prediction(item, inputs, outputs))
        if isinstance(item, Feedback):
            truth = value_to_json(item.truth, MAX_TRUTH_BYTES)
            return Row(FEEDBACK, (_id(item.at), _at(item.at), _text(item.request_id), truth))
        return item

    return convert


def _prediction(record: Record, inputs: str | None, outputs: str | None) -> tuple[object, ...]:
    at = record.at
    return (
        _id(at),
        _at(at),
        _text(record.request_id),
        record.engine,
        _text(record.model),
        record.version and _text(record.version),
        record.digest,
        record.route,
        record.code,
        inputs,
        outputs,
        record.queue_seconds,
        record.compute_seconds,
        record.duration_seconds,
    )


def _id(at: float) -> str:
    return uuid7(nanoseconds=int(at * 1e9)).hex


def _at(at: float) -> str:
    seconds, fraction = divmod(at, 1)
    return f"{time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime(seconds))}.{int(fraction * 1e6):06d}"


def _text(text: str) -> str:
    if len(text) > MAX_TEXT_CHARACTERS:
        text = text[:MAX_TEXT_CHARACTERS]
    return text if text.isascii() and "\0" not in text else clean_text(text)
