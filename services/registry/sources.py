"""What `trivet publish` is given: a run's model, a registered version, or a file; read without unpickling."""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import msgspec

from services.core.compiled_model import MANIFEST_FILE
from services.core.errors import LoadFailed
from services.registry import uri as model_uri
from services.registry.adapter import Adapter
from services.registry.reference import HELD_OUT, REFERENCE, SUFFIXES
from services.registry.signature_of import CannotCompile

PICKLES = frozenset({".pkl", ".pickle", ".joblib", ".cloudpickle"})
NAME_TAG = "trivet.name"
_UNPICKLE_SECONDS = 300


class Source(msgspec.Struct, frozen=True):
    """A model to compile; one of estimator, onnx and compiled is set.

    onnx: the file of a graph to serve as it is. compiled: the folder of a model that was compiled before.
    example: the input example, a DataFrame or an array. columns: names for a matrix's columns.
    name: the model name that the source suggests. reference, held_out: tables for its reference, see reference.build.
    """

    uri: str
    estimator: Any = None
    onnx: Path | None = None
    compiled: Path | None = None
    example: Any = None
    columns: tuple[str, ...] | None = None
    name: str | None = None
    reference: Path | None = None
    held_out: Path | None = None
    provenance: dict[str, Any] = {}

    @property
    def tables(self) -> tuple[Path | None, Path | None]:
        """The tables for its reference."""
        return self.reference, self.held_out


class Reading(msgspec.Struct, frozen=True):
    """How a source may be read."""

    adapter: Adapter
    trusted_types: tuple[str, ...]
    allow_pickle: bool
    scratch: Path


def read(uri: str, reading: Reading) -> Source:
    """Read a source.

    uri: `runs:/…`, `models:/NAME@ALIAS`, `models:/NAME/VERSION`, `models:/m-ID` or a path.
    Raises TrivetError, in one sentence, for whatever cannot be read.
    """
    if uri.startswith(("runs:/", "models:/")):
        return _from_mlflow(uri, reading)
    path = Path(uri.removeprefix("file://"))
    if path.is_dir():
        return _folder(path, uri, reading)
    if path.is_file():
        return _file(path, uri, reading)
    raise CannotCompile(f"{uri} is neither a file or folder nor a runs:/ or models:/ URI")


def _from_mlflow(uri: str, reading: Reading) -> Source:
    registered = uri.startswith("models:/") and not uri.startswith("models:/m-")
    named = model_uri.parse(uri) if registered else None
    import mlflow
    from mlflow.exceptions import MlflowException

    try:
        folder = Path(mlflow.artifacts.download_artifacts(uri, dst_path=str(reading.scratch)))
        source = _folder(folder, uri, reading)
        if named:
            version = _version(named)
            found = {"source_version": str(version.version), "run_id": version.run_id}
            tables = _tables(version.run_id, reading)
            return msgspec.structs.replace(source, name=named.name, provenance=found, **tables)
        run_id = uri.removeprefix("runs:/").partition("/")[0] if uri.startswith("runs:/") else None
        if run_id is None:
            return source
        tags = mlflow.get_run(run_id).data.tags
        tables = _tables(run_id, reading)
        return msgspec.structs.replace(source, name=tags.get(NAME_TAG), provenance={"run_id": run_id}, **tables)
    except (MlflowException, OSError) as error:
        message = str(error).splitlines()[0]
        raise LoadFailed(f"{uri} cannot be fetched from MLflow at {mlflow.get_tracking_uri()}: {message}") from error


def _tables(run_id: str | None, reading: Reading) -> dict[str, Path]:
    """Return the tables that a run logged beside its model, as `reference.csv` and the like."""
    if not run_id:
        return {}
    import mlflow

    found = {}
    for artifact in mlflow.artifacts.list_artifacts(run_id=run_id):
        path = Path(artifact.path)
        if path.stem in (REFERENCE, HELD_OUT) and path.suffix in SUFFIXES:
            file = mlflow.artifacts.download_artifacts(
                run_id=run_id, artifact_path=artifact.path, dst_path=str(reading.scratch / "tables")
            )
            found[path.stem] = Path(file)
    return found


def _version(named: model_uri.ModelUri) -> Any:
    from mlflow import MlflowClient

    client = MlflowClient()
    if named.alias:
        return client.get_model_version_by_alias(named.name, named.alias)
    return client.get_model_version(named.name, str(named.version))


def _folder(folder: Path, uri: str, reading: Reading) -> Source:
    if (folder / MANIFEST_FILE).is_file():
        return Source(uri, compiled=folder)
    if not (folder / "MLmodel").is_file():
        raise CannotCompile(
            f"{uri} is no model: it has neither MLflow's MLmodel nor a compiled model's {MANIFEST_FILE}"
        )
    from mlflow.models import Model

    described = Model.load(str(folder))
    example = described.load_input_example(str(folder)) if described.saved_input_example_info else None
    columns = (described.metadata or {}).get("feature_names")
    found: dict[str, Any] = {"example": example, "columns": tuple(columns) if columns else None}
    if flavour := described.flavors.get("onnx"):
        return Source(uri, onnx=folder / flavour["data"], **found)
    if flavour := described.flavors.get("sklearn"):
        path = folder / flavour["pickled_model"]
        pickled = flavour.get("serialization_format") != "skops"
        return Source(uri, estimator=_estimator(path, pickled, uri, reading), **found)
    flavours = ", ".join(sorted(set(described.flavors) - {"python_function"})) or "none"
    raise CannotCompile(f"{uri} has the MLflow flavours {flavours}, and sklearn or onnx was expected")


def _file(path: Path, uri: str, reading: Reading) -> Source:
    if path.suffix == ".onnx":
        return Source(uri, onnx=path)
    if path.suffix == ".skops":
        return Source(uri, estimator=_estimator(path, False, uri, reading))
    if path.suffix in PICKLES:
        return Source(uri, estimator=_estimator(path, True, uri, reading))
    known = ", ".join([".onnx", ".skops", *sorted(PICKLES)])
    raise CannotCompile(f"{uri} is no model file that is known: expected {known}, or a folder")


def _estimator(path: Path, pickled: bool, uri: str, reading: Reading) -> Any:
    if not pickled:
        return reading.adapter.read(path, reading.trusted_types)
    if not reading.allow_pickle:
        raise CannotCompile(
            f"{uri} is a pickle, and reading a pickle runs whatever code it holds: log the model with "
            'serialization_format="skops", or say --allow-pickle if you trust where it comes from'
        )
    target = Path(tempfile.mkdtemp(dir=reading.scratch)) / "model.skops"
    _unpickle(path, target, uri)
    return reading.adapter.read(target, reading.trusted_types)


def _unpickle(path: Path, target: Path, uri: str) -> None:
    """Rewrite a pickle as a skops file, in a child process: what the pickle does, it does there."""
    command = [sys.executable, "-m", "services.registry.unpickle", str(path), str(target)]
    child = subprocess.run(command, capture_output=True, text=True, timeout=_UNPICKLE_SECONDS, check=False)
    if child.returncode or not target.is_file():
        lines = child.stderr.strip().splitlines() or ["the child process ended without a word"]
        raise LoadFailed(f"{uri} cannot be read as a pickle of an estimator: {lines[-1]}")
