"""scikit-learn to ONNX: the ways in which an estimator is converted, best first. Which one holds, parity decides."""

import re
import warnings
from collections.abc import Iterator
from typing import Any

import msgspec
import onnx
from skl2onnx import convert_sklearn
from skl2onnx.common import data_types
from skl2onnx.common.exceptions import MissingConverter, MissingShapeCalculator

from services.core.signature import Signature, TensorSpec
from services.registry import graph, imputer, trees
from services.registry.graph_outputs import fit_outputs
from services.registry.signature_of import selects_columns
from services.registry.simplify import simplified

_TYPES = {
    "FP64": data_types.DoubleTensorType,
    "FP32": data_types.FloatTensorType,
    "INT64": data_types.Int64TensorType,
    "BOOL": data_types.BooleanTensorType,
    "BYTES": data_types.StringTensorType,
}
# The opset below which several converters write their older, simpler form.
_OLDER_OPSET = {"": 17, "ai.onnx.ml": 3}
_UNKNOWN = re.compile(r"'<class '[\w.]*?(\w+)'>'")


class Way(msgspec.Struct, frozen=True):
    """One way to convert.

    numbers: the datatype in which numeric inputs enter the conversion; None keeps each input's own.
    opset: the target opset; None takes the converter's newest.
    missing: forests say which way a missing value takes. Not the first choice: scikit-learn's forests take missing
    values even if they never saw one, and such a model had better refuse them.
    """

    name: str
    numbers: str | None
    opset: dict[str, int] | None = None
    missing: bool = False


WAYS = (
    Way("as declared", None),
    Way("numbers as float64", "FP64"),
    Way("trees with missing values", "FP64", missing=True),
    Way("as declared, older opset", None, _OLDER_OPSET),
    Way("numbers as float32", "FP32"),
    Way("numbers as float32, older opset", "FP32", _OLDER_OPSET),
)


class Converted(msgspec.Struct, frozen=True):
    """A graph with the signature's names, or why there is none."""

    way: Way
    model: onnx.ModelProto | None = None
    reason: str | None = None


def conversions(estimator: Any, signature: Signature) -> Iterator[Converted]:
    """Yield each way's result, converting on demand.

    signature: of the estimator; its inputs become the graph's inputs, its outputs the graph's outputs.
    """
    estimator = simplified(estimator)
    numeric = {spec.datatype for spec in signature.inputs} - {"BYTES"}
    for way in WAYS:
        if not _applies(way, numeric, estimator):
            continue
        try:
            yield Converted(way, _convert(estimator, signature, way))
        except (MissingConverter, MissingShapeCalculator) as error:
            unknown = _UNKNOWN.search(str(error))
            yield Converted(way, reason=f"skl2onnx has no converter for {unknown[1] if unknown else 'a part of it'}")
            return
        # Converters fail in as many ways as there are converters; the reason goes into the report.
        except Exception as error:
            yield Converted(way, reason=f"{type(error).__name__}: {_first_line(error)}")


def _applies(way: Way, numeric: set[str], estimator: Any) -> bool:
    """Whether a way is another one than those before it."""
    if way.missing:
        return trees.has_trees(estimator)
    return way.numbers is None or not numeric <= {way.numbers}


def _convert(estimator: Any, signature: Signature, way: Way) -> onnx.ModelProto:
    joined = not signature.is_matrix and not selects_columns(estimator)
    entering = (_joined(signature, way),) if joined else tuple(_entering(spec, way) for spec in signature.inputs)
    model = _run(estimator, entering, way)
    graph.cast_before_trees(model)
    graph.widen_after_trees(model)
    if joined:
        graph.join_inputs(model, signature.inputs)
    else:
        graph.rename_inputs(model, [spec.name for spec in signature.inputs])
        for spec in signature.inputs:
            graph.cast_input(model, spec.name, spec.datatype)
    fit_outputs(model, signature.outputs)
    return graph.finished(model)


def _run(estimator: Any, entering: tuple[TensorSpec, ...], way: Way) -> onnx.ModelProto:
    types = [(spec.name, _TYPES[spec.datatype](list(_dims(spec)))) for spec in entering]
    with warnings.catch_warnings():
        # Converters warn of their own deprecations; parity, measured below, is what counts.
        warnings.simplefilter("ignore")
        model: onnx.ModelProto = convert_sklearn(
            estimator,
            name=type(estimator).__name__,
            initial_types=types,
            target_opset=way.opset,
            options=_options(estimator),
            custom_conversion_functions={**trees.converters(way.missing), **imputer.CONVERTERS},
        )
    return model


def _joined(signature: Signature, way: Way) -> TensorSpec:
    """Return the one matrix that scikit-learn makes of several columns of numbers."""
    datatypes = {spec.datatype for spec in signature.inputs}
    if "BYTES" in datatypes and len(datatypes) > 1:
        raise NotImplementedError("columns of texts and of numbers in one matrix")
    datatype = "BYTES" if "BYTES" in datatypes else way.numbers or "FP64"
    return TensorSpec("features", datatype, (-1, len(signature.inputs)))


def _entering(spec: TensorSpec, way: Way) -> TensorSpec:
    keep = spec.datatype == "BYTES" or way.numbers is None
    return spec if keep else msgspec.structs.replace(spec, datatype=way.numbers)


def _dims(spec: TensorSpec) -> list[int | None]:
    return [None if size == -1 else size for size in spec.shape]


def _options(estimator: Any) -> dict[int, dict[str, Any]] | None:
    """Ask for a tensor of probabilities in place of a list of dictionaries, where there are any."""
    asked = hasattr(estimator, "classes_") and hasattr(estimator, "predict_proba")
    return {id(estimator): {"zipmap": False}} if asked else None


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else ""
