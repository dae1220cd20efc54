"""All of scikit-learn that predicts, each fitted to a data set that suits it: what docs/models.md is about."""

import inspect
from typing import Any

import numpy as np

_ROWS = 150
_SEED = 3
_EXAMPLE_ROWS = 5
# Estimators that need something other than their defaults, to be built or to be worth a look.
_SETTINGS: dict[str, dict[str, Any]] = {
    "LocalOutlierFactor": {"novelty": True},
    "Birch": {"threshold": 0.2},
    "BayesianGaussianMixture": {"n_components": 3},
    "GaussianMixture": {"n_components": 3},
    "GridSearchCV": {"param_grid": {"C": [0.5, 1.0]}},
    "RandomizedSearchCV": {"param_distributions": {"C": [0.5, 1.0]}, "n_iter": 2},
    "RadiusNeighborsClassifier": {"outlier_label": 0},
    "OrthogonalMatchingPursuitCV": {"max_iter": 4},
}
_SMALL = {"n_estimators": 20, "max_iter": 200, "random_state": _SEED}
_OPTIONAL = inspect.Parameter("estimator", inspect.Parameter.KEYWORD_ONLY, default=None)
_MULTIPLE_OUTPUTS = ("MultiOutput", "MultiTask", "CCA", "PLS", "ClassifierChain", "RegressorChain")


def predicting() -> dict[str, Any]:
    """Return every public estimator of scikit-learn that predicts, or clusters or detects in its own way, by name."""
    from sklearn.utils import all_estimators

    return {name: kind for name, kind in all_estimators() if hasattr(kind, "predict") or hasattr(kind, "fit_predict")}


def kind_of(estimator: Any) -> str:
    """Return what an estimator is, in scikit-learn's own word."""
    from sklearn.utils import get_tags

    return str(get_tags(estimator).estimator_type or "other").replace("_", " ")


def built(name: str, kind: Any) -> Any:
    """Return an estimator of this kind, small enough to fit in a moment."""
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.preprocessing import StandardScaler

    word = "regressor" if "Regressor" in name or name.startswith("RFE") else "classifier"
    inner: Any = Ridge() if word == "regressor" else LogisticRegression(max_iter=200)
    given = inspect.signature(kind).parameters
    settings: dict[str, Any] = {key: value for key, value in _SMALL.items() if key in given}
    if "estimators" in given:
        settings = {"estimators": _members(word)}
    if given.get("estimator", _OPTIONAL).default is inspect.Parameter.empty or name == "SelfTrainingClassifier":
        settings["estimator"] = inner
    if name == "Pipeline":
        settings = {"steps": [("scale", StandardScaler()), ("classify", inner)]}
    return kind(**{**settings, **_SETTINGS.get(name, {})})


def _members(word: str) -> list[tuple[str, Any]]:
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    if word == "regressor":
        return [("ridge", Ridge()), ("tree", DecisionTreeRegressor(max_depth=4, random_state=_SEED))]
    return [
        ("linear", LogisticRegression(max_iter=200)),
        ("tree", DecisionTreeClassifier(max_depth=4, random_state=_SEED)),
    ]


def fitted(name: str, kind: Any) -> tuple[Any, Any]:
    """Return an estimator of this kind fitted to rows of a data set that suits it, and an input example."""
    from sklearn.datasets import load_diabetes, load_iris
    from sklearn.utils import get_tags

    estimator = built(name, kind)
    if name in ("TunedThresholdClassifierCV", "FixedThresholdClassifier"):
        features, target = load_iris(return_X_y=True)
        features, target = features[50:], (target[50:] == 2).astype(int)
    elif kind_of(estimator) == "regressor":
        features, target = load_diabetes(return_X_y=True)
        features, target = np.abs(features[:_ROWS, :6]) * 100, target[:_ROWS]
    else:
        features, target = load_iris(return_X_y=True)
    if name.startswith(_MULTIPLE_OUTPUTS):
        target = np.stack([target, target[::-1]], axis=1)
        if kind_of(estimator) == "classifier":
            target = (target > 0).astype(int)
    if get_tags(estimator).input_tags.one_d_array:
        features = features[:, :1]
    estimator.fit(features, target)
    return estimator, features[:_EXAMPLE_ROWS]
