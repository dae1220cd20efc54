"""An estimator to a compiled model: the graph that agrees with it, or the estimator itself in a skops file."""

from typing import Any, Literal

import msgspec
import numpy as np

from services.core.runtime import Runtime
from services.core.signature import Signature
from services.core.tensors import Tensors
from services.registry import graph, parity
from services.registry.adapter import Adapter
from services.registry.convert import Converted, conversions
from services.registry.draw import SAMPLE_ROWS
from services.registry.parity import Parity
from services.registry.session import Session
from services.registry.signature_of import CannotCompile, outputs_of
from services.registry.sources import Source
from services.registry.subject import Subject, has_missing, sample_of, subject_of

_ROWS_ALONE = 16


class Attempt(msgspec.Struct, frozen=True, omit_defaults=True):
    """One conversion, and why it was not taken; the one that was taken has no reason."""

    way: str
    reason: str | None = None
    parity: Parity | None = None


class Compiled(msgspec.Struct, frozen=True):
    """A compiled model before it is written.

    content: the model's file. estimator: what the scikit-learn runtime will read from it; None for the ONNX runtime.
    notes: sentences for the report.
    """

    runtime: Literal["onnx", "sklearn"]
    signature: Signature
    sample: Tensors
    content: bytes
    attempts: tuple[Attempt, ...] = ()
    notes: tuple[str, ...] = ()
    estimator: Any = None

    @property
    def parity(self) -> Parity | None:
        """What the conversion that was taken measured; None where none was."""
        return next((attempt.parity for attempt in self.attempts if attempt.reason is None), None)


def compile_estimator(source: Source, adapter: Adapter, trusted_types: tuple[str, ...]) -> Compiled:
    """Compile a fitted estimator: the first conversion that agrees with it, or else the estimator itself.

    trusted_types: the operator's, for an estimator that is stored itself.
    Raises CannotCompile when it does not predict, its inputs are unknown, or it cannot be stored; LoadFailed when it
    holds a type that is not trusted.
    """
    subject = subject_of(source, adapter)
    attempts: list[Attempt] = []
    for converted in conversions(subject.estimator, subject.signature):
        attempt, session = _attempt(subject, converted)
        attempts.append(attempt)
        if session and converted.model:
            return _as_graph(subject, converted, session, tuple(attempts))
    signature = _with_missing(subject.signature, frozenset(subject.holed))
    sample = sample_of(subject, SAMPLE_ROWS)
    content = _stored(subject.estimator)
    estimator = adapter.read(content, trusted_types)
    return Compiled("sklearn", signature, sample, content, tuple(attempts), subject.notes, estimator)


def _stored(estimator: Any) -> bytes:
    import skops.io

    try:
        return bytes(skops.io.dumps(estimator))
    # skops has one class of its own for what it does not support; the types it stores raise others.
    except Exception as error:
        name = type(estimator).__name__
        raise CannotCompile(f"{name} does not become ONNX, and skops cannot store it either: {error}") from error


def _attempt(subject: Subject, converted: Converted) -> tuple[Attempt, Session | None]:
    """Load and compare one conversion; with its session when it holds."""
    way = converted.way.name
    if converted.model is None:
        return Attempt(way, converted.reason), None
    try:
        session = Session(converted.model.SerializeToString())
        found = parity.compare(subject.expected, session.predict(subject.rows), subject.rows)
        reason = found.reason or _reason(subject, session)
    # onnxruntime refuses a graph, or a batch, with exceptions of its own.
    except Exception as error:
        return Attempt(way, f"onnxruntime refuses it: {str(error).splitlines()[0][:200]}"), None
    return Attempt(way, reason, found), None if reason else session


def _reason(subject: Subject, session: Runtime) -> str | None:
    """Say why a graph that agrees on the whole sample is not good enough after all."""
    few = {name: array[-_ROWS_ALONE:] for name, array in subject.rows.items()}
    alone = [session.predict({name: array[row : row + 1] for name, array in few.items()}) for row in range(_ROWS_ALONE)]
    together = {name: np.concatenate([outputs[name] for outputs in alone]) for name in alone[0]}
    expected = {name: array[-_ROWS_ALONE:] for name, array in subject.expected.items()}
    if not parity.compare(expected, together, few).holds:
        return "rows that run alone give other answers than in a batch"
    example = {name: array[: subject.example_rows] for name, array in subject.rows.items()}
    lost = [name for name in subject.holed if has_missing(example[name]) and not _agrees(subject, session, name)]
    return f"the graph treats missing values of {', '.join(lost)} in another way" if lost else None


def _agrees(subject: Subject, session: Runtime, name: str) -> bool:
    """Whether graph and estimator agree on rows with NaN in one input."""
    rows = subject.holed[name]
    return parity.compare(subject.reference.predict(rows), session.predict(rows), rows).holds


def _as_graph(subject: Subject, converted: Converted, session: Session, attempts: tuple[Attempt, ...]) -> Compiled:
    assert converted.model is not None
    accepted = frozenset(name for name in subject.holed if _agrees(subject, session, name))
    lost = sorted(set(subject.holed) - accepted)
    notes = [f"missing values of {', '.join(lost)} are refused: the graph treats them in another way than scikit-learn"]
    sample = sample_of(subject, SAMPLE_ROWS)
    narrowed = graph.narrowed_inputs(converted.model)
    signature = _with_missing(subject.signature, accepted)
    inputs = tuple(
        msgspec.structs.replace(spec, float32=spec.float32 or spec.name in narrowed) for spec in signature.inputs
    )
    outputs = outputs_of(subject.estimator, session.predict(sample))
    return Compiled(
        "onnx",
        msgspec.structs.replace(signature, inputs=inputs, outputs=outputs),
        sample,
        converted.model.SerializeToString(),
        attempts,
        (*subject.notes, *(notes if lost else ())),
    )


def _with_missing(signature: Signature, accepted: frozenset[str]) -> Signature:
    inputs = tuple(msgspec.structs.replace(spec, missing=spec.name in accepted) for spec in signature.inputs)
    return msgspec.structs.replace(signature, inputs=inputs)
