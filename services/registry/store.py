"""Where MLflow keeps runs and models: its own settings when they are set, else SQLite in the home folder."""

import logging
from pathlib import Path

from services.registry.fetch import embedded_uri

EXPERIMENT = "trivet"


def connect(home: Path) -> str:
    """Point MLflow at its store and at the experiment `trivet`; return the tracking URI.

    MLflow's own MLFLOW_TRACKING_URI wins; MLflow reads it, and MLFLOW_REGISTRY_URI, itself.
    """
    import mlflow

    # Two hundred lines of table creation at the first start would hide the report.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    artifacts = None
    if not mlflow.is_tracking_uri_set():  # type: ignore[no-untyped-call]
        home.mkdir(parents=True, exist_ok=True)
        mlflow.set_tracking_uri(embedded_uri(home))
        artifacts = (home / "artifacts").resolve().as_uri()
    if mlflow.get_experiment_by_name(EXPERIMENT) is None:
        mlflow.create_experiment(EXPERIMENT, artifact_location=artifacts)
    mlflow.set_experiment(EXPERIMENT)
    return str(mlflow.get_tracking_uri())
