"""Fits the one model of the benchmark in a peer's own environment: `python model.py FORM FOLDER`.

The same data, estimator and seed give the same forest everywhere, and no file has to fit two environments.
"""

import os
import pickle
import sys
from pathlib import Path
from typing import Any

from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier


def write(form: str, folder: Path) -> None:
    """Write the forest to the folder.

    `pickle` as model.pkl, `joblib` as model.joblib, `mlflow` as model/, `bentoml` into a model store in bentoml/, as it
    is and as ONNX.
    """
    rows, labels = load_iris(return_X_y=True)
    model = RandomForestClassifier(n_estimators=100, random_state=0).fit(rows, labels)
    if form == "pickle":
        (folder / "model.pkl").write_bytes(pickle.dumps(model))
    elif form == "joblib":
        import joblib

        joblib.dump(model, folder / "model.joblib")
    elif form == "mlflow":
        log(rows, model, folder / "model")
    elif form == "bentoml":
        store(model, folder / "bentoml")
    else:
        raise SystemExit(f"{form} is no form: pickle, joblib, mlflow or bentoml")


def log(rows: Any, model: RandomForestClassifier, folder: Path) -> None:
    """Write an MLflow model with signature and input example, without a pickle in it."""
    import mlflow
    import sklearn
    import skops

    mlflow.sklearn.save_model(
        model,
        folder,
        serialization_format="skops",
        skops_trusted_types=["sklearn.tree._tree.Tree"],
        signature=mlflow.models.infer_signature(rows, model.predict(rows)),
        input_example=rows[:5],
        # Named here, or MLflow runs the model in a new process to find out what it imports.
        pip_requirements=[f"scikit-learn=={sklearn.__version__}", f"skops=={skops.__version__}"],
    )


def store(model: RandomForestClassifier, home: Path) -> None:
    """Keep the forest in a model store of BentoML: iris_classifier, and iris_onnx with `label` and `probabilities`."""
    home.mkdir()
    os.environ["BENTOML_HOME"] = str(home)  # read when it is imported
    os.environ["BENTOML_DO_NOT_TRACK"] = "true"
    import bentoml
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType

    bentoml.sklearn.save_model("iris_classifier", model)
    graph = to_onnx(
        model,
        initial_types=[("features", FloatTensorType([None, model.n_features_in_]))],
        options={"zipmap": False, "output_class_labels": False},
        final_types=[("label", None), ("probabilities", None)],
    )
    with bentoml.models.create("iris_onnx") as stored:
        Path(stored.path_of("model.onnx")).write_bytes(graph.SerializeToString())


if __name__ == "__main__":
    write(sys.argv[1], Path(sys.argv[2]))
