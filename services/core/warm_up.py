"""Runs before a model counts as ready: they load what is lazy, prove that the model works, and measure its cost."""

import time

import numpy as np

from services.core.compiled_model import Manifest
from services.core.errors import LoadFailed
from services.core.runtime import Runtime
from services.core.signature import Signature
from services.core.tensors import DATATYPES, Tensors

# The best of this many runs of a size is its cost: the first ones pay for allocations.
RUNS = 3
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
        seconds = min(_timed(runtime, batch, manifest.signature, rows) for _ in range(RUNS))
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


def _tile(
    array: "np.ndarray[tuple[int, ...], np.dtype[np.generic]]", rows: int
) -> "np.ndarray[tuple[int, ...], np.dtype[np.generic]]":
    return np.resize(array, (rows, *array.shape[1:]))


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
