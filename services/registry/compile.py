"""A model to a compiled model: the graph that agrees with its estimator, or the estimator itself in a skops file."""

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
from services.registry.signature_of import outputs_of
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

    graph: the model file's content for the ONNX runtime. estimator: the same for the scikit-learn runtime.
    notes: sentences for the report.
    """

    runtime: Literal["onnx", "sklearn"]
    signature: Signature
    sample: Tensors
    attempts: tuple[Attempt, ...] = ()
    notes: tuple[str, ...] = ()
    graph: bytes | None = None
    estimator: Any = None

    @property
    def parity(self) -> Parity | None:
        """What the conversion that was taken measured; None where none was."""
        return next((attempt.parity for attempt in self.attempts if attempt.reason is None), None)


def compile_estimator(source: Source, adapter: Adapter) -> Compiled:
    """Compile a fitted estimator: the first conversion that agrees with it, or else the estimator itself.

    Raises CannotCompile when it does not predict, or its inputs are unknown.
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
    return Compiled("sklearn", signature, sample, tuple(attempts), estimator=subject.estimator)


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
        attempts,
        tuple(notes) if lost else (),
        graph=converted.model.SerializeToString(),
    )


def _with_missing(signature: Signature, accepted: frozenset[str]) -> Signature:
    inputs = tuple(msgspec.structs.replace(spec, missing=spec.name in accepted) for spec in signature.inputs)
    return msgspec.structs.replace(signature, inputs=inputs)
