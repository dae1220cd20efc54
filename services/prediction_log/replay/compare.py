"""What changed between logged answers and new ones: labels, numbers, and the rows that differ most."""

import heapq
from array import array
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np

from services.core.swap_check import changed_rows
from services.core.tensors import Array, Tensors

QUANTILES = (0.5, 0.9, 0.99)
INFINITE = float("inf")


class Request(NamedTuple):
    """A logged request that can be replayed; the first axis of each tensor are its rows."""

    request_id: str
    version: str
    inputs: Tensors
    outputs: Tensors
    rows: int


class WorstRow(msgspec.Struct, frozen=True):
    """One row whose answer differs. row: which of its request's, from 0. difference: the largest of its numbers."""

    request_id: str
    row: int
    changed: bool
    difference: float
    old: Any
    new: Any


class Differences(msgspec.Struct, frozen=True):
    """How far the numbers of one output are apart, by row; None where one has a number and the other has not."""

    largest: float | None
    quantiles: dict[str, float | None]


class Comparison:
    """Grows with each request. worst: how many rows to remember; 8 bytes are kept of each other row and output."""

    def __init__(self, prediction: str, changed_number: float, worst: int) -> None:
        self._prediction = prediction
        self._changed_number = changed_number
        self._worst = worst
        self._kept: list[tuple[tuple[bool, float], int, WorstRow]] = []
        self._differences: dict[str, array[float]] = {}
        self.rows = 0
        self.changed = 0

    def add(self, batch: Sequence[Request], answered: Tensors) -> None:
        """Compare the answers to a batch of requests, in their order, with the logged ones."""
        names = [name for name in answered if name in batch[0].outputs]
        before = {name: np.concatenate([request.outputs[name] for request in batch]) for name in names}
        changed = self._changed(before, answered)
        largest = np.zeros(len(changed))
        for name in names:
            if answered[name].dtype.kind == "f":
                apart = _apart(before[name], answered[name])
                self._differences.setdefault(name, array("d")).extend(apart.tolist())
                largest = np.maximum(largest, apart)
        self._keep(batch, changed, largest, before, answered)
        self.rows += len(changed)
        self.changed += int(changed.sum())

    def worst(self) -> list[WorstRow]:
        """Return the rows that differ most: changed ones first, then by the difference of their numbers."""
        return [row for _, _, row in sorted(self._kept, key=lambda kept: kept[:2], reverse=True)]

    def differences(self) -> dict[str, Differences]:
        """Return how far the numbers of each output are apart."""
        return {name: _described(np.array(apart)) for name, apart in self._differences.items()}

    def _changed(self, before: Tensors, answered: Tensors) -> Array:
        """Return which predictions differ; where the log holds none, which of the other outputs do."""
        names = [self._prediction] if self._prediction in before else list(before)
        changed = [changed_rows(before[name], answered[name], self._changed_number) for name in names]
        return np.asarray(np.logical_or.reduce(changed))

    def _keep(
        self, batch: Sequence[Request], changed: Array, largest: Array, before: Tensors, answered: Tensors
    ) -> None:
        """Remember a batch's worst rows, as far as they are worse than those that are kept."""
        order = np.lexsort((-largest, ~changed))[: self._worst]
        starts = np.cumsum([0, *(request.rows for request in batch)])
        for position in order.tolist():
            badness = (bool(changed[position]), float(largest[position]))
            if badness == (False, 0.0) or (len(self._kept) >= self._worst and badness <= self._kept[0][0]):
                return
            at = int(np.searchsorted(starts, position, side="right")) - 1
            name = self._prediction if self._prediction in before else next(iter(before))
            old, new = _plain(before[name][position]), _plain(answered[name][position])
            row = WorstRow(batch[at].request_id, position - int(starts[at]), *badness, old, new)
            # The second key, which is never the same, keeps the heap from comparing rows.
            entry = (badness, -self.rows - position, row)
            (heapq.heappush if len(self._kept) < self._worst else heapq.heapreplace)(self._kept, entry)


def _apart(before: Array, after: Array) -> Array:
    """Return the largest absolute difference in each row: 0 where both lack a number, infinite where one does."""
    old, new = before.astype(np.float64), after.astype(np.float64)
    if old.shape != new.shape:
        return np.full(len(new), INFINITE)
    with np.errstate(invalid="ignore"):
        apart = np.abs(old - new)
    apart[(np.isnan(old) & np.isnan(new)) | (old == new)] = 0.0
    apart[np.isnan(apart)] = INFINITE
    return np.asarray(apart.reshape(len(apart), -1).max(axis=1, initial=0.0))


def _described(apart: Array) -> Differences:
    quantiles = np.quantile(apart, QUANTILES, method="higher").tolist()
    named = {f"p{quantile * 100:g}": _finite(value) for quantile, value in zip(QUANTILES, quantiles, strict=True)}
    return Differences(_finite(float(apart.max())), named)


def _finite(value: float) -> float | None:
    return value if value < INFINITE else None


def _plain(value: Any) -> Any:
    """Return one row's prediction as JSON has it; the shortest decimals of its own precision."""
    if isinstance(value, np.ndarray):
        return [_plain(each) for each in value]
    if isinstance(value, np.floating):
        return float(str(value)) if np.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value
