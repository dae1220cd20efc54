"""Whether a version that loads may take over from the one that is served: signature, speed, answers."""

from collections.abc import Callable, Sequence

import numpy as np

from services.core.answers import prediction_of
from services.core.cost import Cost
from services.core.errors import CheckFailed
from services.core.recent import Answered
from services.core.runtime import Runtime
from services.core.signature import Signature, TensorSpec
from services.core.tensors import Array, Tensors

Measure = Callable[[], Sequence[tuple[int, float]]]

# Two models of some microseconds differ by a multiple that nobody would notice; so may one that the machine held up.
UNNOTICED_SECONDS = 2e-3
# A busy machine may hold a run up, but not every time; a slow model is slow every time.
MEASUREMENTS = 3
# Of fewer rows one that changed would say too much.
FEWEST_ROWS = 20
# A number has changed when it differs by more than this share of its size or, near zero, of the median size.
CHANGED_NUMBER = 0.1


def check_signature(served: Signature, new: Signature) -> None:
    """Raise CheckFailed unless whoever talks to the served version can talk to the new one.

    What the old one accepts must be accepted: the same inputs, of the same datatypes, in shapes that are the same or
    less narrow, with missing values wherever they may be missing now, the same columns. What the old one answers must
    be answered: the same outputs, of the same datatypes and shapes, with the same classes in the same order; further
    outputs may be added.
    """
    if served.batched and not new.batched:
        raise CheckFailed("it takes one request at a time, and the served version takes batches")
    if served.columns and new.columns != served.columns:
        raise CheckFailed(f"its columns are {_listed(new.columns)}, and clients send {_listed(served.columns)}")
    inputs, outputs = _by_name(new.inputs), _by_name(new.outputs)
    for spec in served.inputs:
        _check_input(spec, inputs.pop(spec.name, None))
    if inputs:
        raise CheckFailed(f"it needs the input {min(inputs)!r}, which clients do not send")
    for spec in served.outputs:
        _check_output(spec, outputs.get(spec.name))


def check_speed(served: Cost, measure: Measure, max_slowdown: float) -> None:
    """Raise CheckFailed when the new version's warm-up batches take too many times what they take the served one.

    served: as it is observed now, under the load of now. measure: returns (rows, seconds) of the new version; it is
    asked again before the version is refused.
    """
    best: dict[int, float] = {}
    for _ in range(MEASUREMENTS):
        for rows, took in measure():
            best[rows] = min(took, best.get(rows, took))
        seconds, before = sum(best.values()), sum(served.seconds(rows) for rows in best)
        if seconds <= max_slowdown * before or seconds - before <= UNNOTICED_SECONDS:
            return
    raise CheckFailed(
        f"it is {seconds / before:.1f} times as slow as the served version, and at most {max_slowdown:g} times may be"
        " (TRIVET_SWAP_MAX_SLOWDOWN)"
    )


def check_answers(runtime: Runtime, answered: Sequence[Answered], max_batch_rows: int, max_changed_ratio: float) -> int:
    """Let the new version answer what the served one did, and return the number of rows.

    Raises CheckFailed when it fails on them, or answers too many of them otherwise.
    """
    rows = sum(request.rows for request in answered)
    if rows < FEWEST_ROWS:
        return 0
    changed = 0
    for batch in _batches(answered, max_batch_rows):
        try:
            prediction = prediction_of(runtime.predict(merged([request.inputs for request in batch])))
        except Exception as error:  # whatever a runtime raises
            raise CheckFailed(f"it fails on a request that the served version answered: {error}") from error
        before = np.concatenate([np.atleast_1d(request.prediction) for request in batch])
        differ = int(changed_rows(before, np.atleast_1d(prediction)).sum())
        changed += min(differ, sum(request.rows for request in batch))
    if changed > max_changed_ratio * rows:
        raise CheckFailed(
            f"it answers {changed} of the last {rows} rows otherwise, and at most {max_changed_ratio:.0%} may change"
            " (TRIVET_SWAP_MAX_CHANGED_RATIO)"
        )
    return rows


def changed_rows(before: Array, after: Array, changed_number: float = CHANGED_NUMBER) -> Array:
    """Return for each row of a prediction whether it differs; a number, by more than this share of its size."""
    if before.shape != after.shape:
        return np.ones(len(before), dtype=bool)
    if before.dtype.kind == "f" and after.dtype.kind == "f":
        size = np.abs(before.astype(np.float64))
        scale = np.maximum(size, np.nanmedian(size)) if np.isfinite(size).any() else size
        with np.errstate(invalid="ignore"):  # a difference of infinities
            apart = np.abs(before - after) > changed_number * scale
        different = apart | (np.isfinite(before) != np.isfinite(after))
    else:
        different = np.asarray(before != after)
    return np.asarray(different.reshape(len(different), -1).any(axis=1))


def _check_input(spec: TensorSpec, new: TensorSpec | None) -> None:
    if new is None:
        raise CheckFailed(f"it does not take the input {spec.name!r}, which clients send")
    if new.datatype != spec.datatype or not _holds(new.shape, spec.shape):
        raise CheckFailed(f"its input {spec.name!r} is {_described(new)}, and clients send {_described(spec)}")
    if spec.missing and not new.missing:
        raise CheckFailed(f"its input {spec.name!r} takes no missing values, and clients may send some")


def _check_output(spec: TensorSpec, new: TensorSpec | None) -> None:
    if new is None:
        raise CheckFailed(f"it does not answer {spec.name!r}, which clients may read")
    if new.datatype != spec.datatype or not _holds(spec.shape, new.shape):
        raise CheckFailed(f"its output {spec.name!r} is {_described(new)}, and clients expect {_described(spec)}")
    if spec.classes is not None and new.classes != spec.classes:
        raise CheckFailed(
            f"the classes of its {spec.name!r} are {_listed(new.classes)}, and clients expect {_listed(spec.classes)}"
        )


def _holds(wide: tuple[int, ...], narrow: tuple[int, ...]) -> bool:
    """Return whether every shape that the second stands for is one of the first."""
    return len(wide) == len(narrow) and all(size in (-1, other) for size, other in zip(wide, narrow, strict=True))


def _by_name(specs: tuple[TensorSpec, ...]) -> dict[str, TensorSpec]:
    return {spec.name: spec for spec in specs}


def _described(spec: TensorSpec) -> str:
    return f"{spec.datatype} {list(spec.shape)}"


def _listed(values: Sequence[object] | None) -> str:
    """Return at most eight values for a message."""
    if values is None:
        return "not named"
    shown = ", ".join(map(repr, values[:8]))
    return shown if len(values) <= 8 else f"{shown} and {len(values) - 8} more"


def _batches(answered: Sequence[Answered], max_rows: int) -> list[list[Answered]]:
    """Return requests that can share a run, in runs of at most so many rows unless one alone has more."""
    runs: dict[object, list[list[Answered]]] = {}
    for request in answered:
        alike = tuple((name, array.shape[1:]) for name, array in sorted(request.inputs.items()))
        batches = runs.setdefault((alike, request.prediction.shape[1:]), [[]])
        if batches[-1] and sum(other.rows for other in batches[-1]) + request.rows > max_rows:
            batches.append([])
        batches[-1].append(request)
    return [batch for batches in runs.values() for batch in batches]


def merged(inputs: list[Tensors]) -> Tensors:
    """Return the tensors of several requests as those of one."""
    if len(inputs) == 1:
        return inputs[0]
    return {name: np.concatenate([tensors[name] for tensors in inputs]) for name in inputs[0]}
