"""Small data sets and the shortest way to a compiled model."""

import warnings
from typing import Any

import numpy as np
import pandas as pd
from sklearn.datasets import load_iris

from services.core.runtime import Runtime
from services.core.tensors import Array, Tensors
from services.registry.compile import Compiled, compile_estimator
from services.registry.session import Session
from services.registry.sources import Source
from services.runtimes import sklearn

X, Y = load_iris(return_X_y=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])[Y]
EXAMPLE_ROWS = 6


def people(rows: int = 120) -> pd.DataFrame:
    """Return columns of every kind: integers, numbers with missing ones, texts, booleans."""
    random = np.random.default_rng(5)
    frame = pd.DataFrame(
        {
            "age": random.integers(18, 80, rows),
            "fare paid": random.gamma(2.0, 30.0, rows),
            "town": random.choice(["Bern", "Basel", "Zug"], rows),
            "alone": random.random(rows) < 0.4,
        }
    )
    frame.loc[random.random(rows) < 0.2, "fare paid"] = np.nan
    return frame


def survived(frame: pd.DataFrame) -> Array:
    """Return labels that depend on several columns."""
    return np.asarray((frame["age"] > 40) ^ frame["alone"]).astype(int)


def compiled(estimator: Any, table: Any, target: Any = None, example: Any = None) -> Compiled:
    """Fit and compile; the example is the first rows of the table."""
    with warnings.catch_warnings():
        # What scikit-learn says of its own future is not what these tests are about.
        warnings.simplefilter("ignore")
        estimator.fit(table, target)
        rows = table[:EXAMPLE_ROWS] if example is None else example
        return compile_estimator(Source("test", estimator=estimator, example=rows), sklearn, ())


def runtime(model: Compiled) -> Runtime:
    """Return what would serve the model."""
    if model.estimator is None:
        return Session(model.content)
    return sklearn.adapt(model.estimator, model.signature)


def predict(model: Compiled, inputs: Tensors) -> Tensors:
    """Run the model as serving would."""
    return runtime(model).predict(inputs)
