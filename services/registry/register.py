"""Registering a compiled folder in MLflow, and moving aliases between versions."""

from pathlib import Path
from typing import Any

import msgspec

from services.core import compiled_model
from services.core.compiled_model import CompiledModel, Manifest
from services.core.errors import TrivetError
from services.registry import cache
from services.registry.uri import DIGEST_TAG, ModelUri

RUNTIME_TAG = "trivet.runtime"
PREVIOUS_TAG = "trivet.previous"


class Promoted(msgspec.Struct, frozen=True):
    """Where an alias points now, and where it pointed before."""

    name: str
    alias: str
    version: str
    previous: str | None


def register(folder: Path, manifest: Manifest, alias: str, home: Path) -> CompiledModel:
    """Store a compiled folder as a new version, check what comes back, and point the alias at it.

    Returns the version from the cache under home, which a server on this machine starts from.
    Raises TrivetError when the registry gives back other bytes than it was given.
    """
    import mlflow

    client = mlflow.MlflowClient()
    digest = compiled_model.digest(folder)
    with mlflow.start_run(run_name=f"publish {manifest.name}") as run:
        mlflow.set_tags({"trivet.source": str(manifest.provenance.get("source")), RUNTIME_TAG: manifest.runtime})
        if "largest_difference" in manifest.parity:
            mlflow.log_metric("parity.largest_difference", manifest.parity["largest_difference"])
        mlflow.log_artifacts(str(folder), "model")
    tags = {DIGEST_TAG: digest, RUNTIME_TAG: manifest.runtime}
    if not client.search_registered_models(f"name = '{manifest.name}'", max_results=1):
        client.create_registered_model(manifest.name)
    source = f"{run.info.artifact_uri}/model"
    version = str(client.create_model_version(manifest.name, source, run.info.run_id, tags=tags).version)
    pinned = ModelUri(manifest.name, version=version)
    with cache.incoming(home) as scratch:
        back = mlflow.artifacts.download_artifacts(str(pinned), dst_path=scratch)
        model = cache.keep(Path(back), version=version, digest=digest, home=home)
    promote(manifest.name, version, alias)
    cache.point(str(pinned), model, home)
    cache.point(str(ModelUri(manifest.name, alias=alias)), model, home)
    return model


def promote(name: str, version: str, alias: str) -> Promoted:
    """Point an alias at a version, and tag that version with the one before.

    Raises TrivetError for a version that is not there, or that `trivet publish` did not make.
    """
    from mlflow import MlflowClient

    client = MlflowClient()
    _check_published(client, name, version)
    current = _current(client, name, alias)
    previous = str(current.version) if current else None
    client.set_registered_model_alias(name, alias, version)
    if previous and previous != version:
        client.set_model_version_tag(name, version, PREVIOUS_TAG, previous)
    return Promoted(name, alias, version, previous)


def current(name: str, alias: str) -> str | None:
    """Return the version that an alias points at; None when it points nowhere."""
    from mlflow import MlflowClient

    found = _current(MlflowClient(), name, alias)
    return str(found.version) if found else None


def roll_back(name: str, alias: str) -> Promoted:
    """Point an alias at the version that it pointed at before, as that version's successor is tagged.

    The tags stay, so that the next one goes back further. Raises TrivetError when nothing says where to go.
    """
    from mlflow import MlflowClient

    client = MlflowClient()
    current = _current(client, name, alias)
    if current is None:
        raise TrivetError(f"models:/{name}@{alias} is not in the registry: `trivet publish` puts it there")
    previous = current.tags.get(PREVIOUS_TAG)
    if previous is None:
        raise TrivetError(
            f"no version was before models:/{name}/{current.version}: `trivet promote {name} VERSION` names one"
        )
    _check_published(client, name, previous)
    client.set_registered_model_alias(name, alias, previous)
    return Promoted(name, alias, previous, str(current.version))


def _check_published(client: Any, name: str, version: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        chosen = client.get_model_version(name, version)
    except MlflowException as error:
        raise TrivetError(f"models:/{name}/{version} is not in the registry: {_line(error)}") from error
    if DIGEST_TAG not in chosen.tags:
        raise TrivetError(
            f"models:/{name}/{version} was not published by trivet and cannot be served: "
            f"`trivet publish models:/{name}/{version}` compiles it"
        )


def _current(client: Any, name: str, alias: str) -> Any:
    """Return the version that an alias points at, as MLflow has it; None when it points nowhere."""
    from mlflow.exceptions import MlflowException

    try:
        return client.get_model_version_by_alias(name, alias)
    except MlflowException:
        return None


def _line(error: Exception) -> str:
    return str(error).splitlines()[0]
