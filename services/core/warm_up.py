"""Runs before a model counts as ready: they load what is lazy, prove that the model works, and measure its cost."""

import time
from collections.abc import Callable
from functools import partial

import numpy as np

from services.core.compiled_model import Manifest
from services.core.errors import LoadFailed
from services.core.runtime import Runtime
from services.core.signature import Signature
from services.core.tensors import DATATYPES, Array, Tensors

# The best of this many runs of a size is its cost: the first ones pay for allocations. A short run is repeated more
# often, since beside requests that are served it may wait for the interpreter for longer than it takes.
RUNS = 3
SHORT_RUNS = 10
SHORT_RUN_SECONDS = 1e-3
# Larger batches are not tried once a run takes this long: start must not wait for what serving avoids.
LONG_RUN_SECONDS = 0.25


def warm_up(runtime: Runtime, manifest: Manifest, max_batch_rows: int) -> list[tuple[int, float]]:
    """Run the sample in batches of 1, 2, 4 … max_batch_rows rows and return (rows, seconds) of each size.

    Raises LoadFailed when a run fails or answers something else than the signature promises.
    """
    sample = sample_tensors(manifest)
    measured: list[tuple[int, float]] = []
    rows = 1
    while True:
        batch = {name: _tile(array, rows) for name, array in sample.items()} if manifest.signature.batched else sample
        seconds = _best(partial(_timed, runtime, batch, manifest.signature, rows))
        measured.append((rows, seconds))
        if rows >= max_batch_rows or seconds > LONG_RUN_SECONDS or not manifest.signature.batched:
            return measured
        rows = min(rows * 2, max_batch_rows)


def sample_tensors(manifest: Manifest) -> Tensors:
    """Return the sample of a manifest as the tensors of its signature."""
    tensors: Tensors = {}
    for spec in manifest.signature.inputs:
        values = manifest.sample.get(spec.name)
        if not values:
            raise LoadFailed(f"the compiled model has no sample of its input {spec.name!r}: publish it again")
        try:
            tensors[spec.name] = np.array(values, dtype=DATATYPES[spec.datatype])
        except (ValueError, TypeError, OverflowError) as error:
            raise LoadFailed(f"the sample of the input {spec.name!r} is no {spec.datatype} tensor: {error}") from error
    return tensors


def check_sample(runtime: Runtime, manifest: Manifest, tolerance: float) -> None:
    """Raise LoadFailed when the model answers its sample otherwise than it did when it was published.

    tolerance: how far numbers may be apart, relative to the larger of their size and 1; 0 compares nothing.
    """
    if not tolerance or not manifest.answers:
        return
    outputs = runtime.predict(sample_tensors(manifest))
    for spec in manifest.signature.outputs:
        expected = np.array(manifest.answers[spec.name], dtype=DATATYPES[spec.datatype])
        if not _agree(expected, outputs[spec.name], tolerance):
            raise LoadFailed(
                f"the model answers its own sample otherwise than when it was published, in {spec.name!r}: it does not"
                " compute the same here (TRIVET_SAMPLE_TOLERANCE)"
            )


def _agree(expected: Array, found: Array, tolerance: float) -> bool:
    if expected.shape != found.shape:
        return False
    if expected.dtype.kind == "f":
        return bool(np.all(np.isclose(found, expected, rtol=tolerance, atol=tolerance, equal_nan=True)))
    return bool(np.all(expected == found))


def _tile(array: Array, rows: int) -> Array:
    return np.resize(array, (rows, *array.shape[1:]))


def _best(timed: Callable[[], float]) -> float:
    best = min(timed() for _ in range(RUNS))
    for _ in range(SHORT_RUNS - RUNS):
        if best > SHORT_RUN_SECONDS:
            break
        best = min(best, timed())
    return best


def _timed(runtime: Runtime, batch: Tensors, signature: Signature, rows: int) -> float:
    started = time.perf_counter()
    try:
        outputs = runtime.predict(batch)
    except Exception as error:  # whatever a runtime raises, the model must not count as ready
        raise LoadFailed(f"warm-up failed at {rows} rows: {error}") from error
    seconds = time.perf_counter() - started
    for spec in signature.outputs:
        array = outputs.get(spec.name)
        if array is None or array.ndim != len(spec.shape) or (signature.batched and array.shape[:1] != (rows,)):
            found = "nothing" if array is None else f"the shape {list(array.shape)}"
            raise LoadFailed(
                f"warm-up of {rows} rows gave {found} for the output {spec.name!r} of shape {list(spec.shape)}"
            )
    return seconds
