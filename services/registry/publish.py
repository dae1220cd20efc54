"""Publishing: read, compile, compare, write and register a model, and point the alias at it."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from services.core import compiled_model
from services.core.compiled_model import CompiledModel, Manifest
from services.core.errors import TrivetError
from services.core.reference import Reference
from services.core.runtime import Runtime
from services.registry import reference, register, sources, write
from services.registry.adapter import Adapter
from services.registry.compile import Attempt, Compiled, compile_estimator
from services.registry.imported import compile_graph, compiled_again
from services.registry.session import Session
from services.registry.sources import Reading, Source
from services.registry.uri import checked_name

Say = Callable[[str], None]


class NotOnnx(TrivetError):
    """`--require-onnx`, and no conversion holds; attempts has the worst rows."""

    def __init__(self, message: str, attempts: tuple[Attempt, ...]) -> None:
        super().__init__(message)
        self.attempts = attempts


class Order(msgspec.Struct, frozen=True):
    """What is asked of `publish`. output: write the compiled folder there, and register nothing.

    reference, held_out: tables for the reference, instead of those that the source has; see reference.build.
    """

    uri: str
    name: str | None = None
    alias: str = "production"
    require_onnx: bool = False
    allow_pickle: bool = False
    output: Path | None = None
    reference: Path | None = None
    held_out: Path | None = None


class Published(msgspec.Struct, frozen=True):
    """What was published. version and alias are None when only a folder was written.

    reference_rows, held_out_rows: that features and scores of logged requests can be compared with.
    """

    name: str
    runtime: str
    digest: str
    folder: str
    parity: dict[str, Any]
    attempts: tuple[Attempt, ...]
    notes: tuple[str, ...]
    version: str | None = None
    alias: str | None = None
    reference_rows: int = 0
    held_out_rows: int = 0


def publish(order: Order, adapter: Adapter, trusted_types: tuple[str, ...], home: Path, say: Say) -> Published:
    """Publish a model.

    adapter: the scikit-learn runtime. trusted_types: the operator's. say: told about each step, in one line.
    Raises TrivetError, in one sentence, when the model cannot be read, compiled or registered.
    """
    with tempfile.TemporaryDirectory(prefix="trivet-") as scratch:
        reading = Reading(adapter, trusted_types, order.allow_pickle, Path(scratch))
        say(f"reading   {order.uri}")
        source = sources.read(order.uri, reading)
        name = _name(order, source)
        say("compiling and comparing")
        compiled = _compile(source, reading)
        if order.require_onnx and compiled.runtime != "onnx":
            message = f"{order.uri} does not become an ONNX model that agrees with it: {_reasons(compiled)}"
            raise NotOnnx(message, compiled.attempts)
        runtime = _runtime(compiled, adapter)
        manifest = write.manifest_of(compiled, runtime, source, name)
        tables = (order.reference, order.held_out) if order.reference or order.held_out else source.tables
        known = reference.build(compiled.signature, runtime, *tables) or reference.of_folder(source.compiled)
        folder = order.output or Path(scratch) / "compiled"
        write.write(folder, compiled, manifest, known)
        model = compiled_model.read(folder, version="0", expected_digest=None)
        if order.output is None:
            say(f"registering as {name}")
            write.add_mlflow_files(folder, manifest, runtime, compiled.estimator)
            model = register.register(folder, manifest, order.alias, home)
        return _published(compiled, manifest, model, order, known)


def _compile(source: Source, reading: Reading) -> Compiled:
    if source.compiled:
        return compiled_again(source.compiled, reading.adapter, reading.trusted_types)
    if source.onnx:
        return compile_graph(source, source.onnx)
    return compile_estimator(source, reading.adapter, reading.trusted_types)


def _name(order: Order, source: Source) -> str:
    name = order.name or source.name
    if name is None and order.output is not None:
        name = order.output.resolve().name
    if name is None:
        raise TrivetError(f"{order.uri} does not say what the model is called: add --name NAME")
    return checked_name(name)


def _runtime(compiled: Compiled, adapter: Adapter) -> Runtime:
    if compiled.estimator is None:
        return Session(compiled.content)
    return adapter.adapt(compiled.estimator, compiled.signature)


def _reasons(compiled: Compiled) -> str:
    reasons = dict.fromkeys(attempt.reason for attempt in compiled.attempts if attempt.reason)
    return "; ".join(reasons) or "it was compiled for scikit-learn before"


def _published(
    compiled: Compiled, manifest: Manifest, model: CompiledModel, order: Order, known: Reference | None
) -> Published:
    registered = order.output is None
    known = known or Reference()
    return Published(
        name=manifest.name,
        runtime=manifest.runtime,
        digest=model.digest,
        folder=str(model.folder),
        parity=manifest.parity,
        attempts=compiled.attempts,
        notes=compiled.notes,
        version=model.version if registered else None,
        alias=order.alias if registered else None,
        reference_rows=max((each.rows for each in known.features.values()), default=0),
        held_out_rows=max((each.rows for each in known.scores.values()), default=0),
    )
