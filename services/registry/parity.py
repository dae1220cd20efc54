"""Parity: whether a compiled graph gives what its estimator gives, and by how much it differs."""

from typing import Any

import msgspec
import numpy as np

from services.core.tensors import Array, Tensors

PROBABILITY_TOLERANCE = 1e-5
REGRESSION_TOLERANCE = 1e-4
_WORST = 3


class Parity(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a comparison found.

    largest_difference: of a probability, absolute, or of a number that was predicted, relative. ties: rows whose labels
    differ where the estimator's best two probabilities are no further apart than the tolerance. worst: rows that
    differ most, when the comparison failed. reason: why it failed.
    """

    rows: int
    tolerance: float
    largest_difference: float
    ties: int = 0
    reason: str | None = None
    worst: tuple[dict[str, Any], ...] = ()

    @property
    def holds(self) -> bool:
        """Whether both agree."""
        return self.reason is None


def compare(expected: Tensors, got: Tensors, inputs: Tensors) -> Parity:
    """Compare two runtimes' outputs for the same rows.

    expected: the estimator's `prediction` and, where it has them, `probability…`; got: the graph's, by the same names.
    """
    rows = len(expected["prediction"])
    shape = _shape_difference(expected, got)
    if shape:
        return Parity(rows, PROBABILITY_TOLERANCE, float("inf"), reason=shape)
    tables = [name for name in expected if name.startswith("probability")]
    apart = _probability_difference(expected, got, tables)
    if expected["prediction"].dtype.kind == "f" and not tables:
        return _numbers(expected["prediction"], got["prediction"], inputs)
    wrong = _differ(expected["prediction"], got["prediction"])
    tie = np.zeros(rows, dtype=bool)
    for name in tables:
        tie |= _margin(expected[name]) <= PROBABILITY_TOLERANCE
    bad = (wrong & ~tie) | ~(apart <= PROBABILITY_TOLERANCE)
    reason = _labels_reason(int((wrong & ~tie).sum()), int((~(apart <= PROBABILITY_TOLERANCE)).sum()))
    score = apart + (wrong & ~tie)
    return Parity(
        rows,
        PROBABILITY_TOLERANCE,
        _largest(apart),
        int((wrong & tie).sum()),
        reason if bad.any() else None,
        _worst(score, bad, inputs, expected, got),
    )


def _labels_reason(labels: int, probabilities: int) -> str:
    tolerance = f"{PROBABILITY_TOLERANCE:g}"
    parts = [f"{labels} labels differ"] * bool(labels)
    parts += [f"{probabilities} rows of probabilities differ by more than {tolerance}"] * bool(probabilities)
    return " and ".join(parts)


def _numbers(expected: Array, got: Array, inputs: Tensors) -> Parity:
    """Compare predicted numbers, relative to their size or, near zero, to the median size."""
    wanted, given = expected.astype(np.float64), got.astype(np.float64)
    floor = np.median(np.abs(wanted[np.isfinite(wanted)])) if np.isfinite(wanted).any() else 0.0
    scale = np.maximum(np.abs(wanted), max(float(floor), float(np.finfo(np.float32).tiny)))
    with np.errstate(invalid="ignore"):
        relative = np.abs(wanted - given) / scale
    relative[(wanted == given) | (np.isnan(wanted) & np.isnan(given))] = 0
    relative = relative.reshape(len(relative), -1).max(axis=1)
    bad = ~(relative <= REGRESSION_TOLERANCE)
    reason = f"{int(bad.sum())} rows differ by more than {REGRESSION_TOLERANCE:g} of their value" if bad.any() else None
    worst = _worst(relative, bad, inputs, {"prediction": expected}, {"prediction": got})
    return Parity(len(expected), REGRESSION_TOLERANCE, _largest(relative), 0, reason, worst)


def _shape_difference(expected: Tensors, got: Tensors) -> str | None:
    for name, array in expected.items():
        if name not in got:
            return f"the graph has no output {name}"
        if got[name].shape != array.shape:
            return f"{name} has the shape {list(got[name].shape)} in the graph, and {list(array.shape)} was expected"
    return None


def _probability_difference(expected: Tensors, got: Tensors, tables: list[str]) -> Array:
    apart = np.zeros(len(expected["prediction"]))
    for name in tables:
        with np.errstate(invalid="ignore"):
            difference = np.abs(expected[name] - got[name])
        difference[np.isnan(expected[name]) & np.isnan(got[name])] = 0
        apart = np.maximum(apart, difference.max(axis=1))
    return apart


def _differ(expected: Array, got: Array) -> Array:
    different = np.asarray(expected.astype(str) != got.astype(str) if expected.dtype.kind in "OU" else expected != got)
    return np.asarray(different.reshape(len(different), -1).any(axis=1))


def _margin(table: Array) -> Array:
    """Return how far apart the two best probabilities of each row are."""
    if table.shape[1] < 2:
        return np.full(len(table), np.inf)
    ordered = np.sort(table, axis=1)
    margin: Array = ordered[:, -1] - ordered[:, -2]
    return margin


def _largest(differences: Array) -> float:
    return float(np.nan_to_num(differences, nan=np.inf).max(initial=0))


def _worst(score: Array, bad: Array, inputs: Tensors, expected: Tensors, got: Tensors) -> tuple[dict[str, Any], ...]:
    if not bad.any():
        return ()
    order = np.argsort(-np.nan_to_num(score, nan=np.inf), kind="stable")
    chosen = [row for row in order if bad[row]][:_WORST]
    return tuple(
        {
            "inputs": {name: array[row : row + 1].tolist()[0] for name, array in inputs.items()},
            "expected": {name: array[row : row + 1].tolist()[0] for name, array in expected.items()},
            "got": {name: array[row : row + 1].tolist()[0] for name, array in got.items()},
        }
        for row in chosen
    )
