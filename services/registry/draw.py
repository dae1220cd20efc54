"""A drawn sample: rows that show where a compiled model and its estimator might differ."""

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np

from services.core.signature import Signature, TensorSpec
from services.core.tensors import DATATYPES, Array, Tensors
from services.registry.ranges import learned
from services.registry.signature_of import CannotCompile

ROWS = 2000
SAMPLE_ROWS = 5
_PROBES = 16
SEED = 20
UNSEEN = "\u2047 unseen"

Predict = Callable[[Tensors], Tensors]


class Pool(msgspec.Struct):
    """Values of one column: observed ones, and whether others may be drawn around them."""

    values: list[Any]
    free: bool = True


def example_rows(signature: Signature, example: Any) -> Tensors | None:
    """Return the input example as tensors; None without one."""
    if example is None:
        return None
    if signature.is_matrix:
        values = example.to_numpy() if hasattr(example, "columns") else np.asarray(example)
        spec = signature.inputs[0]
        return {spec.name: _present(values if values.ndim == 2 else values[:, None], spec)}
    columns = zip(signature.inputs, example.columns, strict=True)
    return {spec.name: _present(example[column].to_numpy()[:, None], spec) for spec, column in columns}


def rows(signature: Signature, estimator: Any, example: Tensors | None, predict: Predict | None) -> Tensors:
    """Return the example's rows and ROWS drawn ones: values seen or learned, neighbours of thresholds, a wide range.

    predict: the estimator; a column whose free values it refuses is drawn from what was seen only. None: all are.
    """
    random = np.random.default_rng(SEED)
    pools = _pools(signature, estimator, example)
    base = _join(signature, [np.array([pool.values[0]], dtype=object) for pool in pools])
    for index, (spec, pool) in enumerate(zip(_columns(signature), pools, strict=True)):
        free = _free(random, pool.values, spec, _PROBES)
        pool.free = predict is not None and _accepts(signature, base, index, free, predict)
    drawn = [_column(random, pool, spec) for spec, pool in zip(_columns(signature), pools, strict=True)]
    sample = _join(signature, drawn)
    if example is None:
        return sample
    return {name: np.concatenate([array, sample[name]]) for name, array in example.items()}


def with_missing(rows: Tensors, name: str) -> Tensors:
    """Return rows with NaN in about a third of the values of one floating-point input."""
    random = np.random.default_rng(SEED)
    holed = rows[name].copy()
    holed[random.random(holed.shape) < 0.3] = np.nan
    return {**rows, name: holed}


def _pools(signature: Signature, estimator: Any, example: Tensors | None) -> list[Pool]:
    known = learned(estimator, _keys(signature))
    seen = [[] for _ in known] if example is None else [column.tolist() for column in _split(signature, example)]
    pools = []
    for spec, observed, values in zip(_columns(signature), seen, known.values(), strict=True):
        usable = [value for value in [*observed, *values] if _fits(value, spec)]
        pools.append(Pool(usable or [_default(spec)]))
    return pools


def _keys(signature: Signature) -> list[Any]:
    if not signature.is_matrix:
        return [spec.name for spec in signature.inputs]
    return list(signature.columns or range(signature.inputs[0].shape[1]))


def _columns(signature: Signature) -> list[TensorSpec]:
    return [signature.inputs[0]] * signature.inputs[0].shape[1] if signature.is_matrix else list(signature.inputs)


def _split(signature: Signature, tensors: Tensors) -> list[Array]:
    if signature.is_matrix:
        return list(tensors[signature.inputs[0].name].T)
    return [tensors[spec.name][:, 0] for spec in signature.inputs]


def _join(signature: Signature, columns: list[Array]) -> Tensors:
    if signature.is_matrix:
        spec = signature.inputs[0]
        return {spec.name: _cast(np.stack(columns, axis=1), spec)}
    return {spec.name: _cast(column[:, None], spec) for spec, column in zip(signature.inputs, columns, strict=True)}


def _present(values: Array, spec: TensorSpec) -> Array:
    """Return an example's values as a tensor, which has no way to say that a text is missing: another stands in."""
    if spec.datatype != "BYTES":
        return _number(values, spec)
    texts = [str(value) for value in values.ravel() if isinstance(value, str)] or [""]
    filled = [str(value) if isinstance(value, str) else texts[0] for value in values.ravel()]
    return np.array(filled, dtype=object).reshape(values.shape)


def _number(values: Array, spec: TensorSpec) -> Array:
    """Cast an example's numbers. Raises CannotCompile when one is lost: an integer column that lacks values."""
    try:
        with np.errstate(invalid="ignore"):
            cast = _cast(values, spec)
        lost = spec.datatype in ("INT64", "BOOL") and not bool((cast == values).all())
    except (TypeError, ValueError):
        lost = True
    if lost:
        raise CannotCompile(f"{spec.name} of the input example is not {spec.datatype} throughout: a value is missing")
    return cast


def _cast(values: Array, spec: TensorSpec) -> Array:
    dtype = DATATYPES[spec.datatype]
    return values.astype(str).astype(object) if spec.datatype == "BYTES" else values.astype(dtype)


def _fits(value: Any, spec: TensorSpec) -> bool:
    if spec.datatype == "BYTES":
        return isinstance(value, str)
    return isinstance(value, int | float) and bool(np.isfinite(value))


def _default(spec: TensorSpec) -> Any:
    return {"BYTES": "", "BOOL": False, "INT64": 0}.get(spec.datatype, 0.0)


def _accepts(signature: Signature, base: Tensors, index: int, values: Array, predict: Predict) -> bool:
    """Whether the estimator takes these values in one column; it may refuse a new category, or a negative number."""
    columns = [np.repeat(column, len(values)) for column in _split(signature, base)]
    columns[index] = values
    try:
        predict(_join(signature, columns))
    # Any estimator, third-party ones too, says in its own way what it does not take.
    except Exception:
        return False
    return True


def _column(random: np.random.Generator, pool: Pool, spec: TensorSpec) -> Array:
    """Draw one column: half from the pool, and half free where the estimator takes that."""
    picked = random.choice(np.array(pool.values, dtype=object), ROWS)
    if not pool.free:
        return picked
    free = random.random(ROWS) < 0.5
    # The first rows serve as the sample of a model without an input example, so they look like what was learned.
    free[:SAMPLE_ROWS] = False
    return np.where(free, _free(random, pool.values, spec, ROWS), picked)


def _free(random: np.random.Generator, values: list[Any], spec: TensorSpec, count: int) -> Array:
    """Draw values that need not have been seen: within, around and far outside the range of the pool."""
    if spec.datatype == "BYTES":
        return random.choice(np.array([*dict.fromkeys(values), UNSEEN], dtype=object), count)
    if spec.datatype == "BOOL":
        return random.random(count) < 0.5
    low, high = float(min(values)), float(max(values))
    span = (high - low) or abs(high) or 1.0
    near = random.uniform(low - 0.5 * span, high + 0.5 * span, count)
    far = random.uniform(low - 5 * span, high + 5 * span, count)
    drawn = np.where(random.random(count) < 0.9, near, far)
    return np.rint(drawn) if spec.datatype == "INT64" else drawn
