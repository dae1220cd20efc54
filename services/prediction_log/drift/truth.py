"""Ground truth against what was predicted: right or wrong for labels, the error for numbers, over time.

The truth of a request has the form of its prediction: of `/predict` one value (a list for a model of several outputs),
of a batch one for each row, null for a row whose truth is not known.
"""

from collections import Counter
from datetime import UTC, datetime, timedelta
from math import sqrt
from typing import Any

import msgspec
import numpy as np

from services.core.columns import label
from services.core.signature import TensorSpec
from services.core.tensors import MAX_WHOLE_FLOAT, Array

UNFIT = "truth that does not have the form of its prediction"
UNKNOWN = "truth that is null for every row"
REPEATED = "truth of a request id that a later request has too"
UNANSWERED = "truth of requests without logged outputs, or of another version"
# What a point over time may span, the shortest first that gives no more than MAX_BUCKETS of them.
BUCKETS = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 360, 1440, 10_080, 43_200))
MAX_BUCKETS = 30
# Of pairs of labels that are counted, and that are shown.
MAX_PAIRS, SHOWN_PAIRS = 10_000, 10
FLOAT_MAX = float(np.finfo(np.float64).max)


class Unfit(Exception):
    """A truth that does not have the form of its prediction."""


class Confusion(msgspec.Struct, frozen=True):
    """How many rows of one label were answered with another."""

    truth: str
    predicted: str
    rows: int


class Bucket(msgspec.Struct, frozen=True, omit_defaults=True):
    """Rows with truth, of requests answered from `start` on. accuracy: of labels; the errors, of numbers."""

    start: datetime
    rows: int
    accuracy: float | None = None
    mean_absolute_error: float | None = None
    root_mean_square_error: float | None = None


class Accuracy(msgspec.Struct, frozen=True):
    """All rows with truth, and over time. left_out: how many truths could not be used, by reason."""

    total: Bucket
    seconds_a_bucket: float
    buckets: list[Bucket]
    confusions: list[Confusion]
    left_out: dict[str, int]


class Truths:
    """Grows with each request; keeps four numbers of each. spec: of the prediction."""

    def __init__(self, spec: TensorSpec) -> None:
        self._spec = spec
        self._is_number = spec.datatype.startswith("FP")
        self._requests: list[tuple[datetime, int, float, float]] = []
        self._wrong: Counter[tuple[str, str]] = Counter()
        self._seen: set[str] = set()
        self.left_out: Counter[str] = Counter()

    def add(self, at: datetime, request_id: str, predicted: Array | None, truth: str) -> None:
        """Compare a request's truth, JSON text. predicted: (rows, …); None where it is not known."""
        if request_id in self._seen:
            self.left_out[REPEATED] += 1
            return
        self._seen.add(request_id)
        if predicted is None:
            self.left_out[UNANSWERED] += 1
            return
        try:
            pairs = [pair for pair in rows(truth, predicted, self._spec) if pair[1] is not None]
        except Unfit:
            self.left_out[UNFIT] += 1
            return
        if not pairs:
            self.left_out[UNKNOWN] += 1
            return
        self._requests.append((at, *(self._errors(pairs) if self._is_number else self._labels(pairs))))

    def accuracy(self) -> Accuracy | None:
        """Return what was found; None where no truth was told."""
        if not self._requests and not self.left_out:
            return None
        ordered = sorted(self._requests)
        width = _width(ordered[-1][0] - ordered[0][0]) if ordered else BUCKETS[0]
        parts: dict[datetime, list[tuple[datetime, int, float, float]]] = {}
        for request in ordered:
            parts.setdefault(_start(request[0], width), []).append(request)
        start = ordered[0][0] if ordered else datetime.now(UTC)
        return Accuracy(
            total=self._bucket(start, ordered),
            seconds_a_bucket=width.total_seconds(),
            buckets=[self._bucket(start, part) for start, part in parts.items()],
            confusions=[Confusion(*pair, count) for pair, count in self._wrong.most_common(SHOWN_PAIRS)],
            left_out=dict(self.left_out.most_common()),
        )

    def _labels(self, pairs: list[tuple[Any, Any]]) -> tuple[int, float, float]:
        """Return the rows and how many are right."""
        wrong = [(_named(truth), _named(predicted)) for predicted, truth in pairs if predicted != truth]
        for pair in wrong:
            if pair in self._wrong or len(self._wrong) < MAX_PAIRS:
                self._wrong[pair] += 1
        return len(pairs), float(len(pairs) - len(wrong)), 0.0

    def _errors(self, pairs: list[tuple[Any, Any]]) -> tuple[int, float, float]:
        """Return the rows, the sum of their absolute errors and that of the squares."""
        predicted, truth = (np.array(column, dtype=np.float64) for column in zip(*pairs, strict=True))
        with np.errstate(over="ignore"):
            error = np.abs(predicted - truth).reshape(len(pairs), -1)
            return len(pairs), float(error.mean(axis=1).sum()), float((error**2).mean(axis=1).sum())

    def _bucket(self, start: datetime, part: list[tuple[datetime, int, float, float]]) -> Bucket:
        count = sum(request[1] for request in part)
        first, second = sum(request[2] for request in part), sum(request[3] for request in part)
        if not count:
            return Bucket(start, 0)
        if self._is_number:
            return Bucket(start, count, None, first / count, sqrt(second / count))
        return Bucket(start, count, first / count)


def rows(truth: str, predicted: Array, spec: TensorSpec) -> list[tuple[Any, Any]]:
    """Return (predicted, truth) of each row, both of plain types; a truth of None is not known. Raises Unfit."""
    try:
        value = msgspec.json.decode(truth)
    except (ValueError, RecursionError) as error:
        raise Unfit from error
    answered = predicted.tolist()
    depth = predicted.ndim - 1
    # One row may come with or without the list around it, which the protocol's answers have.
    is_list = isinstance(value, list) and len(value) == len(answered)
    if is_list and all(each is None or _fits(each, predicted.shape[1:], spec) for each in value):
        told = [None if each is None else _plain(each, depth, spec) for each in value]
    elif len(answered) == 1 and value is None:
        told = [None]
    elif len(answered) == 1 and _fits(value, predicted.shape[1:], spec):
        told = [_plain(value, depth, spec)]
    else:
        raise Unfit
    return list(zip(answered, told, strict=True))


def _fits(value: Any, shape: tuple[int, ...], spec: TensorSpec) -> bool:
    if shape:
        return (
            isinstance(value, list) and len(value) == shape[0] and all(_fits(each, shape[1:], spec) for each in value)
        )
    if spec.datatype == "BYTES":
        return isinstance(value, str)
    if spec.datatype == "BOOL":
        return isinstance(value, bool) or value in (0, 1)
    # So written that neither NaN nor an integer beyond every float passes.
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= FLOAT_MAX:
        return False
    return spec.datatype.startswith("FP") or (abs(value) <= MAX_WHOLE_FLOAT and value == int(value))


def _plain(value: Any, depth: int, spec: TensorSpec) -> Any:
    if depth:
        return [_plain(each, depth - 1, spec) for each in value]
    if spec.datatype == "BOOL":
        return bool(value)
    return value if isinstance(value, str) else float(value) if spec.datatype.startswith("FP") else int(value)


def _named(value: Any) -> str:
    return "[" + ", ".join(map(_named, value)) + "]" if isinstance(value, list) else label(value)


def _width(span: timedelta) -> timedelta:
    return next((width for width in BUCKETS if span / width <= MAX_BUCKETS - 1), BUCKETS[-1])


def _start(at: datetime, width: timedelta) -> datetime:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return epoch + (at - epoch) // width * width
