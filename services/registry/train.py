"""The example model: a random forest over the iris measurements, logged to MLflow."""

from typing import Any

import msgspec

from services.registry.reference import HELD_OUT, REFERENCE

NAME = "iris-classifier"
SEED = 7
NAME_TAG = "trivet.name"


class Trained(msgspec.Struct, frozen=True):
    """What `train` logged. accuracy: on the fifth of the rows that was held out."""

    uri: str
    run_id: str
    accuracy: float
    rows_trained: int
    rows_held_out: int


def train(trusted_types: tuple[str, ...]) -> Trained:
    """Fit 100 trees on four fifths of iris and log the model with signature, input example and reference.

    trusted_types: what MLflow lets the skops file hold; its own list lacks scikit-learn's trees.
    """
    import mlflow
    from sklearn.datasets import load_iris
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.model_selection import train_test_split

    iris = load_iris()
    x_train, x_test, y_train, y_test = train_test_split(
        iris.data, iris.target, test_size=0.2, stratify=iris.target, random_state=SEED
    )
    forest = RandomForestClassifier(n_estimators=100, random_state=SEED).fit(x_train, y_train)
    accuracy = float(forest.score(x_test, y_test))
    with mlflow.start_run(run_name="train", tags={NAME_TAG: NAME}) as run:
        mlflow.log_params({"estimator": type(forest).__name__, "n_estimators": 100, "random_state": SEED})
        mlflow.log_metric("accuracy", accuracy)
        names = {"feature_names": list(iris.feature_names), "target_names": [str(name) for name in iris.target_names]}
        _log(forest, x_train, trusted_types, names)
        for table, rows in ((REFERENCE, x_train), (HELD_OUT, x_test)):
            mlflow.log_text(_csv(names["feature_names"], rows), f"{table}.csv")
    return Trained(f"runs:/{run.info.run_id}/model", run.info.run_id, accuracy, len(x_train), len(x_test))


def _csv(names: list[str], rows: Any) -> str:
    return "\n".join(",".join(map(str, line)) for line in (names, *rows.tolist())) + "\n"


def _log(forest: Any, x_train: Any, trusted_types: tuple[str, ...], names: dict[str, Any]) -> None:
    import mlflow.sklearn
    import sklearn
    import skops
    from mlflow.models import infer_signature

    mlflow.sklearn.log_model(
        forest,
        name="model",
        serialization_format="skops",
        skops_trusted_types=list(trusted_types),
        signature=infer_signature(x_train, forest.predict(x_train)),
        input_example=x_train[:5],
        # Named here, or MLflow runs the model in a new process to find out what it imports.
        pip_requirements=[f"scikit-learn=={sklearn.__version__}", f"skops=={skops.__version__}"],
        metadata=names,
    )
