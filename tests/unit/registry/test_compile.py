"""What becomes of estimators over one matrix: names, shapes, datatypes and values of the compiled model."""

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import DBSCAN, KMeans
from sklearn.ensemble import (
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    VotingClassifier,
)
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.multioutput import MultiOutputClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

from services.registry.signature_of import CannotCompile
from tests.unit.registry.tables import NAMES, X, Y, compiled, predict


def outputs(model) -> list[tuple]:
    return [(spec.name, spec.datatype, spec.shape) for spec in model.signature.outputs]


def test_forest_keeps_the_contract_names_shapes_and_classes() -> None:
    model = compiled(RandomForestClassifier(10, random_state=0), X, Y)

    assert model.runtime == "onnx"
    assert outputs(model) == [("prediction", "INT64", (-1,)), ("probability", "FP32", (-1, 3))]
    assert [spec.classes for spec in model.signature.outputs] == [(0, 1, 2), (0, 1, 2)]
    features = model.signature.inputs[0]
    assert (features.name, features.datatype, features.shape, features.float32) == ("features", "FP64", (-1, 4), True)


def test_forest_agrees_at_every_threshold_and_beside_it() -> None:
    forest = RandomForestClassifier(30, random_state=0)
    model = compiled(forest, X, Y)
    thresholds = np.concatenate([tree.tree_.threshold[tree.tree_.feature >= 0] for tree in forest.estimators_])
    beside = [np.nextafter(thresholds.astype(np.float32), np.float32(side)) for side in (-9, 9)]
    values = np.concatenate([thresholds, np.nextafter(thresholds, -9), np.nextafter(thresholds, 9), *beside])
    rows = np.random.default_rng(0).choice(values.astype(np.float64), (2000, 4))

    given = predict(model, {"features": rows})

    assert (given["prediction"] == forest.predict(rows)).all()
    assert np.abs(given["probability"] - forest.predict_proba(rows)).max() < 1e-7


def test_certain_probability_is_exactly_one() -> None:
    model = compiled(RandomForestClassifier(100, random_state=0), X, Y)

    assert predict(model, {"features": X[:1]})["probability"].tolist() == [[1.0, 0.0, 0.0]]


@pytest.mark.parametrize(
    ("labels", "datatype", "classes"),
    [
        (NAMES, "BYTES", ("setosa", "versicolor", "virginica")),
        (Y > 0, "BOOL", (False, True)),
        (Y.astype(float), "FP64", (0.0, 1.0, 2.0)),
        (np.where(Y > 0, 7, -7), "INT64", (-7, 7)),
        (np.arange(150) % 12, "INT64", tuple(range(12))),
    ],
    ids=["texts", "booleans", "floats", "negative", "twelve"],
)
def test_labels_come_back_as_they_were(labels, datatype, classes) -> None:
    estimator = GaussianNB()
    model = compiled(estimator, X, labels)

    given = predict(model, {"features": X})

    assert model.runtime == "onnx"
    assert (model.signature.outputs[0].datatype, model.signature.outputs[0].classes) == (datatype, classes)
    assert given["prediction"].tolist() == estimator.predict(X).tolist()
    assert given["probability"].shape == (150, len(classes))


def test_row_of_a_batch_is_the_row_alone() -> None:
    model = compiled(make_pipeline(StandardScaler(), SVC()), X, NAMES)

    together = predict(model, {"features": X[:20]})["prediction"].tolist()
    alone = [predict(model, {"features": X[row : row + 1]})["prediction"][0] for row in range(20)]

    assert alone == together


@pytest.mark.parametrize("estimator", [LinearRegression(), GradientBoostingRegressor(n_estimators=20)], ids=str)
def test_regressor_predicts_one_number_a_row_and_no_probability(estimator) -> None:
    model = compiled(estimator, X[:, :3], X[:, 3])

    given = predict(model, {"features": X[:9, :3]})

    assert model.runtime == "onnx"
    assert list(given) == ["prediction"]
    assert given["prediction"].shape == (9,)
    assert given["prediction"] == pytest.approx(estimator.predict(X[:9, :3]), rel=1e-4)


def test_regressor_of_two_outputs() -> None:
    model = compiled(RandomForestRegressor(5, random_state=0), X, X[:, :2])

    assert outputs(model) == [("prediction", "FP32", (-1, 2))]


def test_classifier_of_two_outputs_has_a_probability_for_each() -> None:
    estimator = MultiOutputClassifier(LogisticRegression())
    model = compiled(estimator, X, np.stack([Y, (Y > 0).astype(int)], axis=1))

    given = predict(model, {"features": X})

    assert model.runtime == "onnx"
    assert [(name, shape) for name, _, shape in outputs(model)] == [
        ("prediction", (-1, 2)),
        ("probability_0", (-1, 3)),
        ("probability_1", (-1, 2)),
    ]
    assert given["probability_1"] == pytest.approx(estimator.predict_proba(X)[1], abs=1e-5)


def test_tree_of_two_outputs_is_served_by_scikit_learn() -> None:
    model = compiled(DecisionTreeClassifier(), X, np.stack([NAMES, NAMES[::-1]], axis=1))

    given = predict(model, {"features": X[:2]})

    assert model.runtime == "sklearn"
    assert given["prediction"].shape == (2, 2)
    assert given["probability_1"].shape == (2, 3)


@pytest.mark.parametrize(
    "estimator", [LinearSVC(), KMeans(3, n_init=1), IsolationForest(n_estimators=5)], ids=lambda e: type(e).__name__
)
def test_without_predict_proba_there_is_no_probability(estimator) -> None:
    model = compiled(estimator, X, Y)

    assert model.runtime == "onnx"
    assert [name for name, *_ in outputs(model)] == ["prediction"]
    assert predict(model, {"features": X})["prediction"].tolist() == estimator.predict(X).tolist()


def test_histogram_boosting_converts_and_takes_missing_values() -> None:
    estimator = HistGradientBoostingClassifier(max_iter=5)
    model = compiled(estimator, X, Y)
    holed = np.where(np.random.default_rng(1).random(X.shape) < 0.3, np.nan, X)

    assert model.runtime == "onnx"
    assert model.signature.inputs[0].missing
    assert predict(model, {"features": holed})["prediction"].tolist() == estimator.predict(holed).tolist()


def test_soft_voting_converts() -> None:
    members = [("bayes", GaussianNB()), ("tree", DecisionTreeClassifier(max_depth=2))]

    assert compiled(VotingClassifier(members, voting="soft"), X, NAMES).runtime == "onnx"


def test_calibrated_classifier_converts() -> None:
    assert compiled(CalibratedClassifierCV(LinearSVC(), cv=2), X, Y).runtime == "onnx"


def test_what_misses_parity_is_served_by_scikit_learn_and_its_worst_rows_are_told() -> None:
    estimator = KNeighborsClassifier(weights="distance")
    model = compiled(estimator, X, Y)

    assert model.runtime == "sklearn"
    assert model.parity is None
    assert "differ" in (model.attempts[0].reason or "")
    worst = model.attempts[0].parity.worst[0]
    assert worst["expected"] != worst["got"]
    assert predict(model, {"features": X})["prediction"].tolist() == estimator.predict(X).tolist()


def test_float32_matrix_stays_float32() -> None:
    model = compiled(LogisticRegression(), X.astype(np.float32), Y)

    assert model.signature.inputs[0].datatype == "FP32"


def test_sample_is_the_input_example() -> None:
    model = compiled(GaussianNB(), X, Y)

    assert model.sample["features"].tolist() == X[:5].tolist()


def test_no_example_is_needed_for_a_matrix_of_numbers() -> None:
    forest = DecisionTreeClassifier(random_state=0).fit(X, Y)

    from services.registry.compile import compile_estimator
    from services.registry.sources import Source
    from services.runtimes import sklearn

    model = compile_estimator(Source("test", estimator=forest), sklearn, ())

    assert model.signature.inputs[0].shape == (-1, 4)
    assert model.sample["features"].shape == (5, 4)


@pytest.mark.parametrize("estimator", [StandardScaler(), DBSCAN()], ids=["transformer", "clusterer"])
def test_without_predict_it_is_refused(estimator) -> None:
    with pytest.raises(CannotCompile, match="has no predict"):
        compiled(estimator, X)
