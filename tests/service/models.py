"""Builds the compiled models of the service tests, and beside each what scikit-learn itself answers: its facts.

Run as `python -m tests.service.models FOLDER`; a process of its own, because compiling imports half of the world.
"""

import sys
import warnings
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from tests.service import graphs
from tests.service.facts import Facts, write

SEED = 7


def main(folder: Path) -> None:
    """Build every model that is not there yet."""
    warnings.simplefilter("ignore")  # of scikit-learn and the converters, about themselves
    compile_matrix(folder, "iris-classifier", *iris_forest())
    compile_matrix(folder, "word-classifier", *word_classifier())
    compile_matrix(folder, "price-regressor", *price_regressor())
    compile_matrix(folder, "two-targets", *two_targets())
    compile_columns(folder, "churn-classifier", *churn_classifier())
    graphs.slow(folder / "slow")
    graphs.fragile(folder / "fragile")


def iris_forest() -> tuple[Any, Any]:
    from sklearn.datasets import load_iris
    from sklearn.ensemble import RandomForestClassifier

    iris = load_iris()
    forest = RandomForestClassifier(n_estimators=100, random_state=SEED).fit(iris.data, iris.target)
    return forest, iris.data[::5]


def word_classifier() -> tuple[Any, Any]:
    """Labels are strings, one of them not ASCII."""
    from sklearn.linear_model import LogisticRegression

    points = np.random.default_rng(SEED).normal(size=(90, 3))
    labels = np.array(["nein", "süß", "vielleicht"])[np.argmax(points, axis=1)]
    return LogisticRegression().fit(points, labels), points[:12]


def price_regressor() -> tuple[Any, Any]:
    from sklearn.ensemble import RandomForestRegressor

    points = np.random.default_rng(SEED).uniform(1, 9, size=(80, 2))
    return RandomForestRegressor(n_estimators=10, random_state=SEED).fit(points, points.sum(axis=1)), points[:12]


def two_targets() -> tuple[Any, Any]:
    """A regressor of two outputs."""
    from sklearn.linear_model import LinearRegression

    points = np.random.default_rng(SEED).uniform(1, 9, size=(80, 2))
    return LinearRegression().fit(points, points @ np.array([[1.0, 2.0], [3.0, -1.0]])), points[:12]


def churn_classifier() -> tuple[Any, Any]:
    """Named columns of three types; `age` may be missing."""
    import pandas as pd
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    random = np.random.default_rng(SEED)
    frame = pd.DataFrame(
        {
            "age": random.uniform(18, 80, 120),
            "calls": random.integers(0, 9, 120),
            "plan": random.choice(["basic", "plus", "größer"], 120),
        }
    )
    frame.loc[::10, "age"] = np.nan
    steps = ColumnTransformer(
        [
            ("age", make_pipeline(SimpleImputer(), StandardScaler()), ["age"]),
            ("calls", StandardScaler(), ["calls"]),
            ("plan", OneHotEncoder(handle_unknown="ignore"), ["plan"]),
        ]
    )
    left = (frame["calls"] + 3 * (frame["plan"] == "plus") + random.normal(size=120)) > 5
    return make_pipeline(steps, LogisticRegression()).fit(frame, left), frame[:12]


def compile_matrix(folder: Path, name: str, estimator: Any, rows: Any) -> None:
    """Compile an estimator over one matrix."""
    _compile(folder, name, estimator, rows, rows.tolist())


def compile_columns(folder: Path, name: str, estimator: Any, frame: Any) -> None:
    """Compile an estimator over named columns; missing values are null in JSON."""
    rows = [{key: None if value != value else value for key, value in row.items()} for row in frame.to_dict("records")]
    _compile(folder, name, estimator, frame, rows)


def _compile(folder: Path, name: str, estimator: Any, example: Any, rows: list[Any]) -> None:
    from services.registry import write as registry_write
    from services.registry.compile import compile_estimator
    from services.registry.sources import Source
    from services.runtimes import sklearn

    source = Source(uri=f"tests:{name}", estimator=estimator, example=example)
    compiled = compile_estimator(source, sklearn)
    registry_write.write(folder / name, compiled, registry_write.manifest_of(compiled, source, name))
    has_probabilities = hasattr(estimator, "predict_proba")
    facts = Facts(
        name=name,
        signature=compiled.signature,
        rows=rows,
        predictions=estimator.predict(example).tolist(),
        probabilities=estimator.predict_proba(example).tolist() if has_probabilities else None,
    )
    write(folder, facts)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
