"""What version a URI names now, asked without MLflow: over HTTP, or read from the embedded registry's tables."""

import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec

from services.core.errors import LoadFailed
from services.registry.mlflow_server import Credentials, MlflowServer
from services.registry.uri import DIGEST_TAG, ModelUri

TIMEOUT_SECONDS = 10
SQLITE = "sqlite:///"


class Found(msgspec.Struct, frozen=True):
    """A version, and its digest from the tag; None when trivet did not publish it.

    source: where its files lie, where an MLflow server told.
    """

    version: str
    digest: str | None
    source: str = ""


def look_up(uri: ModelUri, tracking_uri: str, credentials: Credentials) -> Found | None:
    """Return the version that a URI names now; None for a kind of registry that only MLflow itself can ask.

    Raises LoadFailed when the registry does not answer, or does not know the model, the version or the alias.
    """
    if tracking_uri.startswith(("http://", "https://")):
        return _over_http(uri, MlflowServer(tracking_uri, credentials))
    if tracking_uri.startswith(SQLITE):
        return _in_sqlite(uri, Path(tracking_uri.removeprefix(SQLITE)))
    return None


def is_direct(tracking_uri: str) -> bool:
    """Whether `look_up` can ask this kind of registry itself, in milliseconds."""
    return tracking_uri.startswith(("http://", "https://", SQLITE))


class _Tag(msgspec.Struct, frozen=True):
    key: str
    value: str = ""


class _Version(msgspec.Struct, frozen=True):
    version: str
    source: str = ""
    tags: list[_Tag] = []


class _Answer(msgspec.Struct, frozen=True):
    model_version: _Version


def _over_http(uri: ModelUri, server: MlflowServer) -> Found:
    """Ask an MLflow server, in one request."""
    if uri.alias:
        answer = server.ask(uri, _Answer, "mlflow/registered-models/alias", name=uri.name, alias=uri.alias)
    else:
        answer = server.ask(uri, _Answer, "mlflow/model-versions/get", name=uri.name, version=str(uri.version))
    found = answer.model_version
    return Found(found.version, {tag.key: tag.value for tag in found.tags}.get(DIGEST_TAG), found.source)


def _in_sqlite(uri: ModelUri, file: Path) -> Found | None:
    """Read the tables of MLflow 3, read-only; None when they look different."""
    if not file.is_file():
        raise LoadFailed(f"there is no registry at {file}: `trivet train` and `trivet publish` make one")
    try:
        with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True, timeout=TIMEOUT_SECONDS)) as base:
            if uri.alias:
                versions = "SELECT version FROM registered_model_aliases WHERE name = ? AND alias = ?"
            else:
                versions = "SELECT version FROM model_versions WHERE name = ? AND version = ?"
            row = base.execute(versions, (uri.name, uri.alias or int(uri.version or 0))).fetchone()
            if row is None:
                raise LoadFailed(f"{uri} is not in the registry at {file}: `trivet publish` puts it there")
            tags = "SELECT value FROM model_version_tags WHERE name = ? AND version = ? AND key = ?"
            tag = base.execute(tags, (uri.name, row[0], DIGEST_TAG)).fetchone()
    except sqlite3.OperationalError:
        return None
    return Found(str(row[0]), tag[0] if tag else None)
