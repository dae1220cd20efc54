"""How a candidate's answers compare with those that were given to the same requests."""

from time import perf_counter
from typing import NamedTuple

import numpy as np

from services.core.answers import prediction_of
from services.core.runtime import Runtime
from services.core.swap_check import changed_rows, merged
from services.core.tensors import Array, Tensors


class Given(NamedTuple):
    """One request, or a part of one, and what was answered to it."""

    inputs: Tensors
    outputs: Tensors
    rows: int

    def likeness(self) -> tuple[object, ...]:
        """Return what two have in common that can share a run."""
        tensors = (*self.inputs.items(), *self.outputs.items())
        return tuple((name, array.shape[1:], array.dtype) for name, array in tensors)


class Compared(NamedTuple):
    """What became of some rows. seconds: of the candidate's run. differences: of the scores, a row each.

    error: the last one that a run raised.
    """

    agreed: int
    changed: int
    failed: int
    seconds: tuple[float, ...]
    differences: tuple[float, ...]
    error: Exception | None = None


def compare(runtime: Runtime, batch: list[Given]) -> Compared:
    """Let a candidate answer requests that are alike; a batch that fails runs again, each request by itself."""
    rows = sum(given.rows for given in batch)
    started = perf_counter()
    try:
        outputs = runtime.predict(merged([given.inputs for given in batch]))
        seconds = perf_counter() - started
        before = merged([given.outputs for given in batch])
        old, new = np.atleast_1d(prediction_of(before)), np.atleast_1d(prediction_of(outputs))
        changed = min(int(changed_rows(old, new).sum()), rows)
        differences = score_differences(before, outputs)
    except Exception as error:  # whatever a runtime raises, or compares badly
        if len(batch) > 1:
            return _added([compare(runtime, [given]) for given in batch])
        return Compared(0, 0, rows, (), (), error)
    return Compared(rows - changed, changed, 0, (seconds,), differences)


def score_differences(before: Tensors, after: Tensors) -> tuple[float, ...]:
    """Return for each row how far two answers' scores are apart, from 0 (the same) to 1; nothing where there are none.

    Scores are the probabilities, and of a row the largest absolute difference counts. Without them they are the numbers
    of the prediction, and a row's is |a - b| / (|a| + |b|), Canberra's distance. What is missing on one side only, or
    has another shape, is 1.
    """
    names = [name for name in before if _is_probability(name, before)]
    if names:
        apart = [np.abs(_numbers(before[name]) - _numbers(after[name])) for name in names if _fits(before, after, name)]
        if len(apart) < len(names):
            return (1.0,) * len(before[names[0]])
    else:
        old, new = prediction_of(before), prediction_of(after)
        if old.dtype.kind != "f" or new.dtype.kind != "f":
            return ()
        if old.shape != new.shape:
            return (1.0,) * len(np.atleast_1d(old))
        a, b = _numbers(old), _numbers(new)
        size = np.abs(a) + np.abs(b)
        apart = [np.divide(np.abs(a - b), size, out=np.zeros_like(size), where=size != 0)]
    return tuple(np.max([_of_rows(difference) for difference in apart], axis=0).tolist())


def _is_probability(name: str, outputs: Tensors) -> bool:
    return (name == "probability" or name.startswith("probability_")) and outputs[name].dtype.kind == "f"


def _fits(before: Tensors, after: Tensors, name: str) -> bool:
    return name in after and after[name].shape == before[name].shape and after[name].dtype.kind == "f"


def _numbers(array: Array) -> Array:
    """Return float64 values in which what is not finite is a large number, so that differences are defined."""
    values: Array = np.nan_to_num(np.atleast_1d(array).astype(np.float64), nan=_NOT_A_NUMBER)
    return np.clip(values, -_NOT_A_NUMBER, _NOT_A_NUMBER)


def _of_rows(difference: Array) -> Array:
    """Return the largest of each row, at most 1."""
    largest: Array = np.minimum(difference, 1.0).reshape(len(difference), -1).max(axis=1, initial=0.0)
    return largest


def _added(parts: list[Compared]) -> Compared:
    return Compared(
        sum(part.agreed for part in parts),
        sum(part.changed for part in parts),
        sum(part.failed for part in parts),
        tuple(seconds for part in parts for seconds in part.seconds),
        tuple(difference for part in parts for difference in part.differences),
        next((part.error for part in reversed(parts) if part.error), None),
    )


# So large that it differs from every score by more than 1, and twice it is still finite.
_NOT_A_NUMBER = 1e300
