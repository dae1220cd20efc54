"""scikit-learn to ONNX: the ways in which an estimator is converted, best first. Which one holds, parity decides."""

import functools
import warnings
from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
import onnx
from skl2onnx import convert_sklearn
from skl2onnx.common import data_types
from skl2onnx.operator_converters.random_forest import (
    convert_sklearn_random_forest_classifier,
    convert_sklearn_random_forest_regressor_converter,
)
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from services.core.signature import Signature, TensorSpec
from services.registry import graph

_TYPES = {
    "FP64": data_types.DoubleTensorType,
    "FP32": data_types.FloatTensorType,
    "INT64": data_types.Int64TensorType,
    "BOOL": data_types.BooleanTensorType,
    "BYTES": data_types.StringTensorType,
}
# The opset below which several converters write their older, simpler form.
_OLDER_OPSET = {"": 17, "ai.onnx.ml": 3}


class Way(msgspec.Struct, frozen=True):
    """One way to convert.

    numbers: the datatype in which numeric inputs enter the conversion; None keeps each input's own.
    opset: the target opset; None takes the converter's newest.
    """

    name: str
    numbers: str | None
    opset: dict[str, int] | None = None


WAYS = (
    Way("as declared", None),
    Way("numbers as float64", "FP64"),
    Way("as declared, older opset", None, _OLDER_OPSET),
    Way("numbers as float32", "FP32"),
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
    numeric = {spec.datatype for spec in signature.inputs} - {"BYTES"}
    for way in WAYS:
        if way.numbers and numeric <= {way.numbers}:
            continue
        try:
            yield Converted(way, _convert(estimator, signature, way))
        # Converters fail in as many ways as there are converters; the reason goes into the report.
        except Exception as error:
            yield Converted(way, reason=f"{type(error).__name__}: {_first_line(error)}")


def _convert(estimator: Any, signature: Signature, way: Way) -> onnx.ModelProto:
    entering = {spec.name: _entering(spec, way) for spec in signature.inputs}
    types = [(spec.name, _TYPES[entering[spec.name]](list(_dims(spec)))) for spec in signature.inputs]
    with warnings.catch_warnings():
        # Converters warn of their own deprecations; parity, measured below, is what counts.
        warnings.simplefilter("ignore")
        model = convert_sklearn(
            estimator,
            name=type(estimator).__name__,
            initial_types=types,
            target_opset=way.opset,
            options=_options(estimator),
            custom_conversion_functions=_CONVERTERS,
        )
    graph.cast_before_trees(model)
    graph.widen_after_trees(model)
    for spec in signature.inputs:
        if entering[spec.name] != spec.datatype:
            graph.cast_input(model, spec.name, spec.datatype)
    graph.fit_outputs(model, signature.outputs)
    return graph.finished(model)


def _entering(spec: TensorSpec, way: Way) -> str:
    return spec.datatype if spec.datatype == "BYTES" or way.numbers is None else way.numbers


def _dims(spec: TensorSpec) -> list[int | None]:
    return [None if size == -1 else size for size in spec.shape]


def _options(estimator: Any) -> dict[int, dict[str, Any]] | None:
    """Ask for tensors of probabilities in place of a list of dictionaries, where there is a choice."""
    return {id(estimator): {"zipmap": False}} if hasattr(estimator, "classes_") else None


class _Plain:
    """A container whose nodes get attributes as ONNX has them: Python numbers, which protobuf 6 and later insists on,
    and float64 as tensors, where skl2onnx hands over arrays that would become float32.
    """

    def __init__(self, container: Any) -> None:
        self._container = container

    def __getattr__(self, name: str) -> Any:
        return getattr(self._container, name)

    def add_node(self, *args: Any, **attributes: Any) -> None:
        self._container.add_node(*args, **dict(_plain(name, value) for name, value in attributes.items()))


def _plain(name: str, value: Any) -> tuple[str, Any]:
    if isinstance(value, np.ndarray) and value.dtype == np.float64:
        return f"{name}_as_tensor", onnx.numpy_helper.from_array(value)
    if isinstance(value, list):
        return name, [int(item) if isinstance(item, np.integer | np.bool_ | bool) else item for item in value]
    return name, value


def _boosting(convert: Any, scope: Any, operator: Any, container: Any) -> None:
    """Convert histogram boosting with thresholds in float64, which scikit-learn compares in float64."""
    convert(scope, operator, _Plain(container), op_version=3)


_CONVERTERS = {
    HistGradientBoostingClassifier: functools.partial(_boosting, convert_sklearn_random_forest_classifier),
    HistGradientBoostingRegressor: functools.partial(_boosting, convert_sklearn_random_forest_regressor_converter),
}


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else ""
