"""SimpleImputer to ONNX in the precision of its input; onnxruntime's own Imputer knows float32 only."""

from typing import Any

import numpy as np
import onnx
from skl2onnx.common.data_types import DoubleTensorType, Int64TensorType, StringTensorType
from skl2onnx.operator_converters.common import concatenate_variables
from skl2onnx.operator_converters.imputer_op import convert_sklearn_imputer
from sklearn.impute import SimpleImputer


def _convert(scope: Any, operator: Any, container: Any) -> None:
    """Convert an imputer that fills NaN; one that fills another value is left to skl2onnx.

    A text or an integer is never missing in a tensor, so it goes through as it is.
    """
    imputer: SimpleImputer = operator.raw_operator
    kind = type(operator.inputs[0].type)
    if not _fills_nan(imputer):
        convert_sklearn_imputer(scope, operator, container)
        return
    source = concatenate_variables(scope, operator.inputs, container)
    if kind in (StringTensorType, Int64TensorType):
        container.add_node("Identity", source, operator.outputs[0].full_name)
        return
    dtype = np.float64 if kind is DoubleTensorType else np.float32
    filled = _Filling(scope, container, dtype).fill(imputer, source)
    container.add_node("Identity", filled, operator.outputs[0].full_name)


def _fills_nan(imputer: SimpleImputer) -> bool:
    missing = imputer.missing_values
    return missing is None or (isinstance(missing, float) and bool(np.isnan(missing)))


class _Filling:
    """Adds the nodes of one imputer to a graph."""

    def __init__(self, scope: Any, container: Any, dtype: type[np.floating[Any]]) -> None:
        self._scope = scope
        self._container = container
        self._number = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))

    def fill(self, imputer: SimpleImputer, source: str) -> str:
        """Return the tensor with every NaN replaced, and the indicators of missing values beside it if asked for."""
        statistics = imputer.statistics_.astype(np.float64)
        if np.isnan(statistics).any():
            raise NotImplementedError("a column without any value, which scikit-learn drops")
        values = self._constant("statistics", self._number, [1, len(statistics)], statistics.tolist())
        missing = self._node("IsNaN", [source], op_version=13)
        filled = self._node("Where", [missing, values, source], op_version=9)
        if not imputer.add_indicator:
            return filled
        features = imputer.indicator_.features_.tolist()
        chosen = self._constant("indicated", onnx.TensorProto.INT64, [len(features)], features)
        indicated = self._node("Gather", [missing, chosen], op_version=13, axis=1)
        numbers = self._node("Cast", [indicated], op_version=13, to=self._number)
        return self._node("Concat", [filled, numbers], op_version=13, axis=1)

    def _node(self, operator: str, inputs: list[str], **attributes: Any) -> str:
        output: str = self._scope.get_unique_variable_name(operator.lower())
        self._container.add_node(operator, inputs, output, **attributes)
        return output

    def _constant(self, name: str, number: int, shape: list[int], values: list[Any]) -> str:
        unique: str = self._scope.get_unique_variable_name(name)
        self._container.add_initializer(unique, number, shape, values)
        return unique


CONVERTERS = {SimpleImputer: _convert}
