"""Fits the one model of the benchmark in a peer's own environment: `python model.py FORM FOLDER`.

The same data, estimator and seed give the same forest everywhere, and no file has to fit two environments.
"""

import pickle
import sys
from pathlib import Path
from typing import Any

from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier


def write(form: str, folder: Path) -> None:
    """Write the forest to the folder: `pickle` as model.pkl, `joblib` as model.joblib, `mlflow` as model/."""
    rows, labels = load_iris(return_X_y=True)
    model = RandomForestClassifier(n_estimators=100, random_state=0).fit(rows, labels)
    if form == "pickle":
        (folder / "model.pkl").write_bytes(pickle.dumps(model))
    elif form == "joblib":
        import joblib

        joblib.dump(model, folder / "model.joblib")
    elif form == "mlflow":
        log(rows, model, folder / "model")
    else:
        raise SystemExit(f"{form} is no form: pickle, joblib or mlflow")


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


if __name__ == "__main__":
    write(sys.argv[1], Path(sys.argv[2]))
