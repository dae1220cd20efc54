"""Models that are served as they come: an ONNX graph from elsewhere, and a compiled model that is published again."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx

from services.core import compiled_model
from services.core.compiled_model import Manifest
from services.core.signature import Signature, TensorSpec
from services.core.tensors import DATATYPES as DTYPES
from services.core.tensors import Tensors
from services.registry import graph
from services.registry.adapter import Adapter
from services.registry.compile import Compiled
from services.registry.draw import SAMPLE_ROWS
from services.registry.session import Session
from services.registry.signature_of import CannotCompile
from services.registry.sources import Source

# Operators that know what to do with a missing value.
_TAKE_MISSING = ("TreeEnsemble", "Imputer")


def compile_graph(source: Source, file: Path) -> Compiled:
    """Describe an ONNX graph, which keeps its names, shapes and datatypes.

    The sample is the source's input example, or zeros. Raises CannotCompile when it is no graph of tensors, or does not
    run for its sample.
    """
    try:
        model = onnx.load(file)
        content = model.SerializeToString()
        session = Session(content)
    # onnx and onnxruntime refuse a damaged file with exceptions of their own, without a common base.
    except Exception as error:
        raise CannotCompile(f"{source.uri} is no ONNX model that onnxruntime loads: {_line(error)}") from error
    given = {initializer.name for initializer in model.graph.initializer}
    inputs = tuple(_spec(value) for value in model.graph.input if value.name not in given)
    outputs = tuple(_spec(value) for value in model.graph.output)
    batched = all(spec.shape and spec.shape[0] == -1 for spec in (*inputs, *outputs))
    signature = Signature(inputs, outputs, batched, _columns(source, inputs))
    sample = _sample(source, signature)
    _run(source, session, sample)
    takers = any(node.op_type.startswith(_TAKE_MISSING) for node in model.graph.node)
    inputs = tuple(_missing(spec, sample, session) if takers else spec for spec in inputs)
    notes = () if source.example is not None else ("no input example: the sample is zeros",)
    return Compiled("onnx", msgspec.structs.replace(signature, inputs=inputs), sample, content, notes=notes)


def compiled_again(folder: Path, adapter: Adapter, trusted_types: tuple[str, ...]) -> Compiled:
    """Take a compiled model as it is: it was compared when it was compiled."""
    model = compiled_model.read(folder, version="0", expected_digest=None)
    manifest = model.manifest
    content = model.model_file.read_bytes()
    estimator = None if manifest.runtime == "onnx" else adapter.read(content, trusted_types)
    return Compiled(manifest.runtime, manifest.signature, sample_tensors(manifest), content, estimator=estimator)


def sample_tensors(manifest: Manifest) -> Tensors:
    """Return a manifest's sample as tensors of the signature's datatypes."""
    inputs = manifest.signature.inputs
    return {spec.name: np.array(manifest.sample[spec.name], dtype=DTYPES[spec.datatype]) for spec in inputs}


def _spec(value: onnx.ValueInfoProto) -> TensorSpec:
    kind = value.type.WhichOneof("value")
    number = value.type.tensor_type.elem_type
    if kind != "tensor_type" or number not in graph.DATATYPES:
        raise CannotCompile(
            f"{value.name} of the graph is a {kind or 'value'} that the protocol has no name for: tensors of numbers, "
            "booleans or texts were expected (skl2onnx gives tensors with zipmap=False)"
        )
    if not value.type.tensor_type.HasField("shape"):
        raise CannotCompile(f"{value.name} of the graph has no shape; how many dimensions it has must be known")
    dims = value.type.tensor_type.shape.dim
    shape = tuple(dim.dim_value if dim.HasField("dim_value") and dim.dim_value > 0 else -1 for dim in dims)
    return TensorSpec(value.name, graph.DATATYPES[number], shape)


def _columns(source: Source, inputs: tuple[TensorSpec, ...]) -> tuple[str, ...] | None:
    matrix = len(inputs) == 1 and len(inputs[0].shape) == 2
    named = source.columns if matrix else None
    return named if named and len(named) == inputs[0].shape[1] else None


def _sample(source: Source, signature: Signature) -> Tensors:
    example: Any = source.example
    if example is None:
        return {spec.name: _zeros(spec) for spec in signature.inputs}
    if len(signature.inputs) == 1 and not isinstance(example, dict):
        tensors = {signature.inputs[0].name: np.asarray(example)}
    else:
        tensors = {name: np.asarray(values) for name, values in dict(example).items()}
    try:
        return {spec.name: _fit(tensors[spec.name], spec, signature.batched) for spec in signature.inputs}
    except (KeyError, ValueError) as error:
        raise CannotCompile(f"the input example of {source.uri} does not fit the graph: {error}") from error


def _fit(array: np.ndarray[Any, Any], spec: TensorSpec, batched: bool) -> np.ndarray[Any, Any]:
    typed = array.astype(str).astype(object) if spec.datatype == "BYTES" else array.astype(DTYPES[spec.datatype])
    shaped = typed[:, None] if typed.ndim == 1 and len(spec.shape) == 2 else typed
    return shaped[:SAMPLE_ROWS] if batched else shaped


def _zeros(spec: TensorSpec) -> np.ndarray[Any, Any]:
    filler: Any = "" if spec.datatype == "BYTES" else 0
    return np.full([1 if size == -1 else size for size in spec.shape], filler, dtype=DTYPES[spec.datatype])


def _run(source: Source, session: Session, sample: Tensors) -> None:
    try:
        session.predict(sample)
    # onnxruntime's exceptions have no common base.
    except Exception as error:
        what = "zeros: log it to MLflow with an input example" if source.example is None else "its input example"
        raise CannotCompile(f"{source.uri} does not run for {what} ({_line(error)})") from error


def _missing(spec: TensorSpec, sample: Tensors, session: Session) -> TensorSpec:
    """Mark an input whose NaN does not make the outputs NaN."""
    if DTYPES[spec.datatype].kind != "f":
        return spec
    outputs = session.predict({**sample, spec.name: np.full_like(sample[spec.name], np.nan)})
    lost = any(array.dtype.kind == "f" and np.isnan(array).any() for array in outputs.values())
    return msgspec.structs.replace(spec, missing=not lost)


def _line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:200]
