"""Estimators that predict as one inside them does, which skl2onnx knows where it does not know the outer one."""

import copy
from typing import Any


def simplified(estimator: Any) -> Any:
    """Return an estimator that predicts the same and is made of parts that skl2onnx knows; often the estimator itself.

    The given estimator stays as it is. Parity is measured against that one, so a wrong guess here is found out.
    """
    kind = type(estimator).__name__
    if hasattr(estimator, "steps"):
        name, last = estimator.steps[-1]
        inner = simplified(last)
        return estimator if inner is last else type(estimator)([*estimator.steps[:-1], (name, inner)])
    if hasattr(estimator, "best_estimator_"):
        return simplified(estimator.best_estimator_)
    if kind == "SelfTrainingClassifier":
        return simplified(estimator.estimator_)
    if kind == "VotingClassifier":
        plain = copy.copy(estimator)
        plain.flatten_transform = False  # Shapes what transform gives; predict does not look at it.
        return plain
    return estimator
