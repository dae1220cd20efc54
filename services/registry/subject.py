"""What is compiled: an estimator with its signature, a sample, and what it predicts for the sample."""

from typing import Any

import msgspec
import numpy as np

from services.core.runtime import Runtime
from services.core.signature import Signature, TensorSpec
from services.core.tensors import Array, Tensors
from services.registry import draw
from services.registry.adapter import Adapter
from services.registry.signature_of import CannotCompile, inputs_of, outputs_of
from services.registry.sources import Source

# A number that float64 holds and float32 does not.
_BEYOND_FLOAT32 = 1e39
_MISSING_ROWS = 200


class Subject(msgspec.Struct, frozen=True):
    """An estimator and what is known of it.

    signature: with the estimator's own outputs. rows: the example's rows, then the drawn ones; expected: what the
    estimator predicts for them. holed: inputs in which the estimator accepts NaN, each with rows that have some.
    notes: sentences for the report.
    """

    estimator: Any
    signature: Signature
    reference: Runtime
    rows: Tensors
    expected: Tensors
    example_rows: int
    holed: dict[str, Tensors]
    notes: tuple[str, ...] = ()


def subject_of(source: Source, adapter: Adapter) -> Subject:
    """Find out an estimator's signature and draw its sample.

    Raises CannotCompile when it does not predict, or when its inputs are unknown.
    """
    estimator = source.estimator
    if not hasattr(estimator, "predict"):
        raise CannotCompile(f"{type(estimator).__name__} has no predict: only models that predict are served")
    signature = inputs_of(estimator, source.example, source.columns, adapter)
    reference = adapter.adapt(estimator, signature)
    example = draw.example_rows(signature, source.example)
    if example is not None and (reason := _refusal(reference, example)):
        raise CannotCompile(f"{type(estimator).__name__} does not predict for its input example: {reason}")
    if example is not None:
        _check_types(estimator, source.example, reference.predict(example)["prediction"])
    rows, notes = _rows(signature, estimator, example, reference)
    expected = reference.predict(rows)
    signature = msgspec.structs.replace(
        signature,
        inputs=tuple(_narrow(spec, rows, reference) for spec in signature.inputs),
        outputs=outputs_of(estimator, expected),
    )
    count = 0 if example is None else _length(example)
    holed = _holed(signature, rows, reference)
    return Subject(estimator, signature, reference, rows, expected, count, holed, notes)


def _check_types(estimator: Any, example: Any, predicted: Array) -> None:
    """Refuse an estimator for which the example's values are not enough: it also looks at their pandas types."""
    frame = example.dropna() if hasattr(example, "dropna") else example
    whole = np.asarray(estimator.predict(example))
    if len(frame) == len(example) and (whole.astype(str) != predicted.astype(str)).any():
        raise CannotCompile(
            f"{type(estimator).__name__} predicts something else once its input is plain numbers and texts: "
            "fit it on those, without category types"
        )


def _rows(
    signature: Signature, estimator: Any, example: Tensors | None, reference: Runtime
) -> tuple[Tensors, tuple[str, ...]]:
    """Draw the sample as wide as the estimator takes it; with a note where that is not wide."""
    rows = draw.rows(signature, estimator, example, reference.predict)
    if not (reason := _refusal(reference, rows)):
        return rows, ()
    note = f"compared on values that were seen or learned only: the estimator refuses others ({reason})"
    rows = draw.rows(signature, estimator, example, None)
    if not _refusal(reference, rows):
        return rows, (note,)
    if example is not None:
        return example, (f"compared on the input example only: the estimator refuses other rows ({reason})",)
    name = type(estimator).__name__
    raise CannotCompile(f"{name} does not predict for numbers: log it to MLflow with an input example ({reason})")


def _refusal(reference: Runtime, rows: Tensors) -> str | None:
    """Say why an estimator does not predict for rows; None when it does."""
    try:
        reference.predict(rows)
    # Estimators, third-party ones too, refuse with whatever they like.
    except Exception as error:
        return str(error).strip().partition("\n")[0][:200] or type(error).__name__
    return None


def sample_of(subject: Subject, count: int) -> Tensors:
    """Return the first rows: the example's, or drawn ones."""
    return {name: array[:count] for name, array in subject.rows.items()}


def has_missing(array: Array) -> bool:
    """Whether a tensor holds NaN."""
    return array.dtype.kind == "f" and bool(np.isnan(array).any())


def _length(tensors: Tensors) -> int:
    return len(next(iter(tensors.values())))


def _narrow(spec: TensorSpec, rows: Tensors, reference: Runtime) -> TensorSpec:
    """Mark an input in which the estimator itself refuses a number that float32 cannot hold."""
    if spec.datatype != "FP64":
        return spec
    probe = {name: array[:1].copy() for name, array in rows.items()}
    probe[spec.name][:] = _BEYOND_FLOAT32
    try:
        with np.errstate(over="ignore"):
            reference.predict(probe)
    # An estimator that refuses says so in its own way; only scikit-learn's words for float32 count here.
    except Exception as error:
        return msgspec.structs.replace(spec, float32="float32" in str(error))
    return spec


def _holed(signature: Signature, rows: Tensors, reference: Runtime) -> dict[str, Tensors]:
    """Return, for every input in which the estimator accepts NaN, rows that have some there."""
    few = {name: array[:_MISSING_ROWS] for name, array in rows.items()}
    holed = {}
    for spec in signature.inputs:
        if spec.datatype in ("FP64", "FP32"):
            candidate = draw.with_missing(few, spec.name)
            if _predicts(reference, candidate):
                holed[spec.name] = candidate
    return holed


def _predicts(reference: Runtime, rows: Tensors) -> bool:
    try:
        outputs = reference.predict(rows)
    # Most estimators raise ValueError for NaN; others raise what they like.
    except Exception:
        return False
    return not any(has_missing(array) for array in outputs.values())
