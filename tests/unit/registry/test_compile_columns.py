"""What becomes of estimators over named columns, and of missing values in them."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import ExtraTreesRegressor, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from services.registry.signature_of import CannotCompile
from tests.unit.registry.tables import X, Y, compiled, people, predict, survived


def columns(frame: pd.DataFrame) -> dict:
    return {
        name: frame[name].to_numpy()[:, None].astype(object if name == "town" else frame[name].dtype) for name in frame
    }


def preparation() -> ColumnTransformer:
    return ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), ["age", "fare paid"]),
            ("texts", OneHotEncoder(handle_unknown="ignore"), ["town"]),
        ],
        remainder="passthrough",
    )


@pytest.mark.parametrize(
    "estimator", [LogisticRegression(), RandomForestClassifier(20, random_state=0)], ids=lambda e: type(e).__name__
)
def test_mixed_columns_convert_with_an_input_for_each(estimator) -> None:
    frame = people()
    pipeline = make_pipeline(preparation(), estimator)
    model = compiled(pipeline, frame, survived(frame))

    given = predict(model, columns(frame))

    assert model.runtime == "onnx"
    assert [(spec.name, spec.datatype, spec.shape, spec.missing) for spec in model.signature.inputs] == [
        ("age", "INT64", (-1, 1), False),
        ("fare paid", "FP64", (-1, 1), True),
        ("town", "BYTES", (-1, 1), False),
        ("alone", "BOOL", (-1, 1), False),
    ]
    assert given["prediction"].tolist() == pipeline.predict(frame).tolist()
    assert given["probability"] == pytest.approx(pipeline.predict_proba(frame), abs=1e-6)


def test_unseen_text_is_what_the_encoder_makes_of_it() -> None:
    frame = people()
    pipeline = make_pipeline(preparation(), LogisticRegression())
    model = compiled(pipeline, frame, survived(frame))
    elsewhere = frame[:4].assign(town="Chur")

    assert predict(model, columns(elsewhere))["probability"] == pytest.approx(pipeline.predict_proba(elsewhere))


def test_encoder_that_refuses_unseen_texts_is_compared_on_seen_ones() -> None:
    frame = people()
    strict = ColumnTransformer([("towns", OneHotEncoder(), ["town"]), ("ages", "passthrough", ["age"])])

    model = compiled(make_pipeline(strict, LogisticRegression(max_iter=1000)), frame, survived(frame))

    assert model.runtime == "onnx"


def test_ordinal_encoder_before_histogram_boosting_converts() -> None:
    frame = people()
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    towns = ColumnTransformer([("towns", encoder, ["town"])], remainder="passthrough")

    model = compiled(make_pipeline(towns, HistGradientBoostingClassifier(max_iter=5)), frame, survived(frame))

    assert model.runtime == "onnx"


def test_frame_of_numbers_is_a_matrix_with_named_columns() -> None:
    frame = pd.DataFrame(X, columns=["a (cm)", "b", "c", "d"])

    model = compiled(GaussianNB(), frame, Y)

    assert model.signature.is_matrix
    assert model.signature.columns == ("a (cm)", "b", "c", "d")


def test_frame_of_integers_and_numbers_is_joined_inside_the_graph() -> None:
    frame = pd.DataFrame({"whole": np.arange(150) % 7, "part of it": X[:, 0]})
    estimator = GaussianNB()

    model = compiled(estimator, frame, Y)

    assert model.runtime == "onnx"
    assert [spec.datatype for spec in model.signature.inputs] == ["INT64", "FP64"]
    assert predict(model, columns(frame))["prediction"].tolist() == estimator.predict(frame).tolist()


def test_named_columns_of_one_type_keep_their_odd_names() -> None:
    frame = pd.DataFrame(X, columns=["a (cm)", "b", "c", "d"])
    some = ColumnTransformer([("scaled", StandardScaler(), ["a (cm)", "c"])])

    model = compiled(make_pipeline(some, GaussianNB()), frame, Y)

    assert model.runtime == "onnx"
    assert [spec.name for spec in model.signature.inputs] == ["a (cm)", "b", "c", "d"]


def test_column_that_may_not_be_missing_says_so() -> None:
    frame = people()[["age", "fare paid"]].astype(float).fillna(0)

    model = compiled(make_pipeline(StandardScaler(), LogisticRegression()), frame, survived(people()))

    assert not model.signature.inputs[0].missing


@pytest.mark.parametrize("indicator", [False, True], ids=["fills", "fills and says so"])
def test_imputer_takes_missing_values_in_float64(indicator) -> None:
    holed = np.where(np.random.default_rng(1).random(X.shape) < 0.2, np.nan, X)
    pipeline = make_pipeline(
        SimpleImputer(strategy="median", add_indicator=indicator), LogisticRegression(max_iter=500)
    )

    model = compiled(pipeline, holed, Y)

    assert model.runtime == "onnx"
    assert model.signature.inputs[0].missing
    assert predict(model, {"features": holed})["probability"] == pytest.approx(pipeline.predict_proba(holed), abs=1e-9)


@pytest.mark.parametrize(
    "estimator",
    [RandomForestClassifier(10, random_state=0), DecisionTreeClassifier(), ExtraTreesRegressor(10, random_state=0)],
    ids=lambda estimator: type(estimator).__name__,
)
def test_trees_fitted_to_missing_values_take_them(estimator) -> None:
    holed = np.where(np.random.default_rng(1).random(X.shape) < 0.2, np.nan, X)

    model = compiled(estimator, holed, Y)

    assert model.runtime == "onnx"
    assert model.signature.inputs[0].missing
    assert predict(model, {"features": holed})["prediction"] == pytest.approx(estimator.predict(holed))


def test_forest_that_never_saw_a_missing_value_refuses_it() -> None:
    model = compiled(RandomForestClassifier(10, random_state=0), X, Y)

    assert not model.signature.inputs[0].missing
    assert "missing values of features are refused" in model.notes[0]


def test_missing_text_in_the_example_is_no_text() -> None:
    frame = people()
    frame["town"] = frame["town"].astype(object)
    frame.loc[0, "town"] = None

    texts = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))
    towns = ColumnTransformer([("towns", texts, ["town"]), ("ages", "passthrough", ["age"])])
    model = compiled(make_pipeline(towns, LogisticRegression(max_iter=1000)), frame, survived(frame))

    assert "None" not in model.sample["town"].ravel()


def test_dates_are_refused_by_name() -> None:
    frame = people().assign(born=pd.Timestamp("2000-01-01"))
    some = ColumnTransformer([("ages", StandardScaler(), ["age"])])

    with pytest.raises(CannotCompile, match="'born'"):
        compiled(make_pipeline(some, LogisticRegression()), frame, survived(frame))


def test_missing_integer_is_refused_by_name() -> None:
    frame = people()
    frame["age"] = frame["age"].astype("Int64")
    pipeline = make_pipeline(preparation(), LogisticRegression())
    holed = frame[:6].copy()
    holed.loc[0, "age"] = pd.NA

    with pytest.raises(CannotCompile, match="age of the input example is not INT64 throughout"):
        compiled(pipeline, frame, survived(frame), example=holed)


def test_texts_are_one_input() -> None:
    texts = ["good day", "bad day", "very bad", "so good"] * 5
    pipeline = make_pipeline(TfidfVectorizer(), LogisticRegression())

    model = compiled(pipeline, texts, [1, 0, 0, 1] * 5)

    given = predict(model, {"features": np.array([["good"], ["bad"]], dtype=object)})
    assert [(spec.name, spec.datatype, spec.shape) for spec in model.signature.inputs] == [
        ("features", "BYTES", (-1, 1))
    ]
    assert given["prediction"].tolist() == [1, 0]
    assert all(type(text) is str for text in model.sample["features"].ravel())
