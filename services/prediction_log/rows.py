"""From a record to the values of one row, in the writer's thread."""

import time
from collections.abc import Callable
from functools import lru_cache

from uuid_utils import uuid7

from services.core.settings import Settings
from services.prediction_log.payload import Encoder, clean_text
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
    encoder = Encoder(settings.log_max_payload_bytes, frozenset(settings.log_redact))
    truth_encoder = Encoder(MAX_TRUTH_BYTES, frozenset())
    payloads = settings.log_payloads == "all"
    second = lru_cache(maxsize=8)(_second)  # the rows of a batch share theirs

    def at(moment: float) -> str:
        seconds = int(moment)
        return f"{second(seconds)}.{int((moment - seconds) * 1e6):06d}"

    def convert(item: Item) -> Row:
        if isinstance(item, Record):
            inputs = encoder.inputs(item.inputs) if payloads else None
            outputs = encoder.outputs(item.outputs) if payloads else None
            return Row(PREDICTIONS, _prediction(item, at(item.at), inputs, outputs))
        if isinstance(item, Feedback):
            truth = truth_encoder.value(item.truth)
            return Row(FEEDBACK, (_id(item.at), at(item.at), _text(item.request_id), truth))
        return item

    return convert


def _prediction(record: Record, at: str, inputs: str | None, outputs: str | None) -> tuple[object, ...]:
    return (
        _id(record.at),
        at,
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


def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds))


def _text(text: str) -> str:
    if len(text) > MAX_TEXT_CHARACTERS:
        text = text[:MAX_TEXT_CHARACTERS]
    return text if text.isascii() and "\0" not in text else clean_text(text)
