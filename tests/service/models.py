"""Builds the compiled models of the service tests, and beside each what scikit-learn itself answers: its facts.

Run as `python -m tests.service.models FOLDER`; a process of its own, because compiling imports half of the world.
"""

import logging
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

import mlflow.sklearn
import msgspec
import numpy as np
import skops.io

from services.cli.publish import command
from services.core.compiled_model import MANIFEST_FILE, Manifest
from tests.service import graphs
from tests.service.facts import Facts, write

SEED = 7


def main(folder: Path) -> None:
    """Build every model that is not there yet."""
    warnings.simplefilter("ignore")  # of scikit-learn and the converters, about themselves
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    publish(folder, "iris-classifier", *iris_forest())
    publish(folder, "word-classifier", *word_classifier())
    publish(folder, "price-regressor", *price_regressor())
    publish(folder, "two-targets", *two_targets())
    publish(folder, "churn-classifier", *churn_classifier())
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


def publish(folder: Path, name: str, estimator: Any, example: Any) -> None:
    """Compile an estimator as `trivet publish` does, and write its facts.

    example: rows as a matrix, or as a DataFrame of named columns, whose missing values are null in JSON.
    """
    with tempfile.TemporaryDirectory() as logged:
        mlflow.sklearn.save_model(
            estimator,
            logged,
            serialization_format="skops",
            skops_trusted_types=skops.io.get_untrusted_types(data=skops.io.dumps(estimator)),
            input_example=example,
            pip_requirements=["scikit-learn"],
        )
        command.main([logged, "--name", name, "--output", str(folder / name), "--require-onnx"], standalone_mode=False)
    manifest = msgspec.json.decode((folder / name / MANIFEST_FILE).read_bytes(), type=Manifest)
    has_probabilities = hasattr(estimator, "predict_proba")
    if hasattr(example, "columns"):
        rows = example.astype(object).where(example.notna(), None).to_dict("records")
    else:
        rows = example.tolist()
    facts = Facts(
        name=name,
        signature=manifest.signature,
        rows=rows,
        predictions=estimator.predict(example).tolist(),
        probabilities=estimator.predict_proba(example).tolist() if has_probabilities else None,
    )
    write(folder, facts)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
