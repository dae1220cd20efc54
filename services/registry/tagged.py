"""Which models have a tag now, asked without MLflow: over HTTP, or read from the embedded registry's tables."""

import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec

from services.core.errors import LoadFailed
from services.registry.lookup import SQLITE, TIMEOUT_SECONDS
from services.registry.mlflow_server import Credentials, MlflowServer
from services.registry.uri import TagUri

# So many models fit into what one answer may hold, with their versions and descriptions.
_PAGE_MODELS = 50


def look_up_tagged(tag: TagUri, tracking_uri: str, credentials: Credentials) -> list[str]:
    """Return the names of the registered models with this tag, sorted.

    Raises LoadFailed when the registry does not answer, or is of a kind that only MLflow itself can ask.
    """
    if tracking_uri.startswith(("http://", "https://")):
        return sorted(_over_http(tag, MlflowServer(tracking_uri, credentials)))
    if tracking_uri.startswith(SQLITE):
        return sorted(_in_sqlite(tag, Path(tracking_uri.removeprefix(SQLITE))))
    raise LoadFailed(f"{tag} needs an MLflow server or a SQLite file in MLFLOW_TRACKING_URI: name the models instead")


class _Tag(msgspec.Struct, frozen=True):
    key: str
    value: str = ""


class _Model(msgspec.Struct, frozen=True):
    name: str
    tags: list[_Tag] = []


class _Page(msgspec.Struct, frozen=True):
    registered_models: list[_Model] = []
    next_page_token: str = ""


def _over_http(tag: TagUri, server: MlflowServer) -> set[str]:
    wanted = _Tag(tag.key, tag.value)
    query = {"filter": f"tags.`{tag.key}` = '{tag.value}'", "max_results": str(_PAGE_MODELS)}
    names: set[str] = set()
    while True:
        page = server.ask(tag, _Page, "mlflow/registered-models/search", **query)
        names.update(model.name for model in page.registered_models if wanted in model.tags)
        if not page.next_page_token:
            return names
        query["page_token"] = page.next_page_token


def _in_sqlite(tag: TagUri, file: Path) -> set[str]:
    """Read the tables of MLflow 3, read-only."""
    if not file.is_file():
        raise LoadFailed(f"there is no registry at {file}: `trivet train` and `trivet publish` make one")
    names = "SELECT name FROM registered_model_tags WHERE key = ? AND value = ?"
    try:
        with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True, timeout=TIMEOUT_SECONDS)) as base:
            return {str(name) for (name,) in base.execute(names, (tag.key, tag.value))}
    except sqlite3.OperationalError as error:
        raise LoadFailed(f"the tables in {file} are not those of MLflow 3, for {tag}: {error}") from error
