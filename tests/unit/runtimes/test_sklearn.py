"""The scikit-learn runtime: what it loads, what it refuses, and the tensors that it takes and gives."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LinearRegression
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder
from sklearn.tree import DecisionTreeClassifier

from services.core.compiled_model import CompiledModel, Manifest
from services.core.errors import LoadFailed
from services.core.signature import Signature, TensorSpec
from services.runtimes import sklearn
from services.runtimes.sklearn_types import TRUSTED_TYPES

X, Y = load_iris(return_X_y=True)
MATRIX = TensorSpec("features", "FP64", (-1, 4))
LABEL = TensorSpec("prediction", "INT64", (-1,))
TABLE = TensorSpec("probability", "FP64", (-1, 3))


def stored(estimator, folder: Path, outputs: tuple[TensorSpec, ...] = (LABEL, TABLE)) -> CompiledModel:
    skops.io.dump(estimator, folder / "model.skops")
    manifest = Manifest(name="m", runtime="sklearn", signature=Signature((MATRIX,), outputs), sample={})
    return CompiledModel(folder, manifest, "1", "")


def shout(value):
    return value


def test_forest_is_loaded_with_the_default_types(tmp_path: Path) -> None:
    forest = RandomForestClassifier(3, random_state=0).fit(X, Y)

    given = sklearn.load(stored(forest, tmp_path)).predict({"features": X})

    assert given["prediction"].dtype == np.int64
    assert (given["prediction"] == forest.predict(X)).all()
    assert (given["probability"] == forest.predict_proba(X)).all()


def test_foreign_type_is_refused_by_name_with_the_setting(tmp_path: Path) -> None:
    pipeline = make_pipeline(FunctionTransformer(shout), GaussianNB()).fit(X, Y)
    model = stored(pipeline, tmp_path)

    with pytest.raises(LoadFailed, match=rf"{__name__}\.shout; .* TRIVET_TRUSTED_TYPES"):
        sklearn.load(model)


def test_foreign_type_is_loaded_when_the_operator_trusts_it(tmp_path: Path) -> None:
    pipeline = make_pipeline(FunctionTransformer(shout), GaussianNB()).fit(X, Y)

    runtime = sklearn.load(stored(pipeline, tmp_path), (f"{__name__}.shout",))

    assert runtime.predict({"features": X[:2]})["prediction"].tolist() == [0, 0]


def test_file_that_would_run_a_command_is_refused_and_runs_nothing(tmp_path: Path) -> None:
    import os

    mark = tmp_path / "mark"
    pipeline = make_pipeline(FunctionTransformer(os.system, kw_args={"command": f"touch {mark}"}), GaussianNB())
    model = stored(pipeline, tmp_path)

    with pytest.raises(LoadFailed, match="system"):
        sklearn.load(model)
    assert not mark.exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no zip"])
def test_damaged_file_is_refused(content: bytes, tmp_path: Path) -> None:
    model = stored(GaussianNB().fit(X, Y), tmp_path)
    model.model_file.write_bytes(content)

    with pytest.raises(LoadFailed, match="no readable skops file"):
        sklearn.load(model)


def test_trusted_types_are_there() -> None:
    import importlib

    for trusted in TRUSTED_TYPES:
        module, _, name = trusted.rpartition(".")
        assert hasattr(importlib.import_module(module), name), trusted


def test_texts_come_back_as_str() -> None:
    names = np.array(["setosa", "versicolor", "virginica"])[Y]
    label = TensorSpec("prediction", "BYTES", (-1,))
    runtime = sklearn.adapt(GaussianNB().fit(X, names), Signature((MATRIX,), (label,)))

    given = runtime.predict({"features": X[:1]})

    assert list(given) == ["prediction"]
    assert given["prediction"].dtype == object
    assert type(given["prediction"][0]) is str


def test_columns_reach_the_estimator_as_the_frame_it_was_fitted_with() -> None:
    frame = pd.DataFrame({"town": ["Bern", "Basel"] * 5, "age": range(10)})
    columns = ColumnTransformer([("towns", OneHotEncoder(), ["town"])], remainder="passthrough")
    pipeline = make_pipeline(columns, LinearRegression()).fit(frame, np.arange(10.0))
    inputs = (TensorSpec("town", "BYTES", (-1, 1)), TensorSpec("age", "INT64", (-1, 1)))
    runtime = sklearn.adapt(pipeline, Signature(inputs, (TensorSpec("prediction", "FP64", (-1,)),)))

    given = runtime.predict({"town": np.array([["Basel"]], dtype=object), "age": np.array([[3]])})

    assert given["prediction"] == pytest.approx([3.0])


def test_text_reaches_the_vectorizer_as_a_list() -> None:
    pipeline = make_pipeline(CountVectorizer(), MultinomialNB()).fit(["good day", "bad day"], [1, 0])
    text = TensorSpec("features", "BYTES", (-1, 1))
    runtime = sklearn.adapt(pipeline, Signature((text,), (LABEL,)))

    assert runtime.predict({"features": np.array([["good"], ["bad"]], dtype=object)})["prediction"].tolist() == [1, 0]


def test_several_outputs_have_a_probability_each() -> None:
    tree = DecisionTreeClassifier().fit(X, np.stack([Y, Y > 0], axis=1))
    specs = (
        TensorSpec("prediction", "INT64", (-1, 2)),
        TensorSpec("probability_0", "FP64", (-1, 3)),
        TensorSpec("probability_1", "FP64", (-1, 2)),
    )

    given = sklearn.adapt(tree, Signature((MATRIX,), specs)).predict({"features": X[:5]})

    assert {name: array.shape for name, array in given.items()} == {
        "prediction": (5, 2),
        "probability_0": (5, 3),
        "probability_1": (5, 2),
    }
