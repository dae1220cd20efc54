"""Ensembles of trees to ONNX as scikit-learn runs them: thresholds and sums in float64.

skl2onnx writes them in float32, which moves rows that lie between a threshold and its float32 neighbour to the other
side, and sums a hundred hundredths to 0.9999993.
"""

import copy
import functools
from typing import Any

import numpy as np
import onnx
from skl2onnx.operator_converters import decision_tree, gradient_boosting, random_forest
from sklearn import ensemble, tree

_CLASSIFIER = random_forest.convert_sklearn_random_forest_classifier
_REGRESSOR = random_forest.convert_sklearn_random_forest_regressor_converter
_ROUNDED = {
    ensemble.RandomForestClassifier: _CLASSIFIER,
    ensemble.ExtraTreesClassifier: _CLASSIFIER,
    ensemble.RandomForestRegressor: _REGRESSOR,
    ensemble.ExtraTreesRegressor: _REGRESSOR,
    ensemble.GradientBoostingClassifier: gradient_boosting.convert_sklearn_gradient_boosting_classifier,
    ensemble.GradientBoostingRegressor: gradient_boosting.convert_sklearn_gradient_boosting_regressor,
    tree.DecisionTreeClassifier: decision_tree.convert_sklearn_decision_tree_classifier,
    tree.ExtraTreeClassifier: decision_tree.convert_sklearn_decision_tree_classifier,
    tree.DecisionTreeRegressor: decision_tree.convert_sklearn_decision_tree_regressor,
    tree.ExtraTreeRegressor: decision_tree.convert_sklearn_decision_tree_regressor,
}
_UNROUNDED = {
    ensemble.HistGradientBoostingClassifier: _CLASSIFIER,
    ensemble.HistGradientBoostingRegressor: _REGRESSOR,
}


class _Exact:
    """A container whose trees are written as scikit-learn runs them, in float64.

    Attributes become what ONNX has: Python numbers, which protobuf 6 and later insists on, and float64 tensors, where
    skl2onnx hands over arrays that would be rounded to float32.
    rounded: scikit-learn rounds the features of these trees to float32 before it compares them.
    left: for each node, 1 where a missing value goes to the left; None leaves that out.
    """

    def __init__(self, container: Any, scope: Any, rounded: bool, left: Any) -> None:
        self._container = container
        self._scope = scope
        self._rounded = rounded
        self._left = left

    def __getattr__(self, name: str) -> Any:
        return getattr(self._container, name)

    def add_node(self, op_type: str, inputs: Any, outputs: Any, **attributes: Any) -> None:
        exact = dict(_exact(name, value) for name, value in attributes.items())
        if self._left is not None and len(exact.get("nodes_modes", ())) == len(self._left):
            exact["nodes_missing_value_tracks_true"] = self._left.tolist()
        if self._rounded and "nodes_values_as_tensor" in exact:
            inputs = [self._through_float32(inputs if isinstance(inputs, str) else inputs[0])]
        self._container.add_node(op_type, inputs, outputs, **exact)

    def _through_float32(self, source: str) -> str:
        for number in (onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE):
            target = self._scope.get_unique_variable_name("rounded")
            self._container.add_node("Cast", source, target, op_version=13, to=number)
            source = target
        return source


def _exact(name: str, value: Any) -> tuple[str, Any]:
    if isinstance(value, np.ndarray) and value.dtype == np.float64:
        return f"{name}_as_tensor", onnx.numpy_helper.from_array(value)
    if isinstance(value, list):
        return name, [int(item) if isinstance(item, np.integer | np.bool_ | bool) else item for item in value]
    return name, value


def _trees(convert: Any, rounded: bool, missing: bool, scope: Any, operator: Any, container: Any) -> None:
    """Convert an ensemble of trees in float64, by the operator's third version, which first knows it.

    missing: also say which way a missing value takes. Raises NotImplementedError when that is needed and not asked for:
    an infinite threshold, over which skl2onnx would search for ever, divides missing values from all others.
    """
    estimator = operator.raw_operator
    splits = _splits_of(estimator)
    if not missing and not all(np.isfinite(split.threshold).all() for split in splits):
        raise NotImplementedError("a tree that was fitted to missing values")
    left = np.concatenate([split.missing_go_to_left for split in splits]).astype(int) if missing and splits else None
    try:
        operator.raw_operator = _finite(estimator) if left is not None else estimator
        convert(scope, operator, _Exact(container, scope, rounded, left), op_version=3)
    finally:
        operator.raw_operator = estimator


def _splits_of(estimator: Any) -> list[Any]:
    members = np.ravel(np.asarray(getattr(estimator, "estimators_", estimator), dtype=object))
    return [member.tree_ for member in members if hasattr(member, "tree_")]


def _finite(estimator: Any) -> Any:
    """Return a copy whose infinite thresholds are the largest float32, which is as far above every value."""
    same = copy.deepcopy(estimator)
    for split in _splits_of(same):
        split.threshold[np.isinf(split.threshold)] = np.finfo(np.float32).max
    return same


def has_trees(estimator: Any) -> bool:
    """Whether an estimator is, or is made with, trees that can be fitted to missing values."""
    return any(type(part) in _ROUNDED for part in [estimator, *estimator.get_params().values()])


def converters(missing: bool) -> dict[Any, Any]:
    """Return the converters by type of estimator, for `convert_sklearn(custom_conversion_functions=…)`.

    missing: let forests and single trees say which way a missing value takes; histogram boosting always does.
    """
    rounded = {kind: functools.partial(_trees, convert, True, missing) for kind, convert in _ROUNDED.items()}
    return rounded | {kind: functools.partial(_trees, convert, False, False) for kind, convert in _UNROUNDED.items()}
