"""What version a URI names now, asked without MLflow: over HTTP, or read from the embedded registry's tables."""

import base64
import http.client
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlencode, urlsplit

import msgspec

from services.core.errors import LoadFailed
from services.registry.uri import DIGEST_TAG, ModelUri

_TIMEOUT_SECONDS = 10
_MAX_ANSWER_BYTES = 1024 * 1024
_SQLITE = "sqlite:///"


class Credentials(msgspec.Struct, frozen=True):
    """MLflow's own: a token, or a user and a password."""

    token: str | None = None
    username: str | None = None
    password: str | None = None

    def headers(self) -> dict[str, str]:
        """Return the Authorization header, if there is anything to say."""
        if self.token:
            return {"Authorization": f"Bearer {self.token}"}
        if self.username and self.password is not None:
            pair = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
            return {"Authorization": f"Basic {pair}"}
        return {}


class Found(msgspec.Struct, frozen=True):
    """A version, and its digest from the tag; None when trivet did not publish it."""

    version: str
    digest: str | None


def look_up(uri: ModelUri, tracking_uri: str, credentials: Credentials) -> Found | None:
    """Return the version that a URI names now; None for a kind of registry that only MLflow itself can ask.

    Raises LoadFailed when the registry does not answer, or does not know the model, the version or the alias.
    """
    if tracking_uri.startswith(("http://", "https://")):
        return _over_http(uri, urlsplit(tracking_uri), credentials)
    if tracking_uri.startswith(_SQLITE):
        return _in_sqlite(uri, Path(tracking_uri.removeprefix(_SQLITE)))
    return None


class _Tag(msgspec.Struct, frozen=True):
    key: str
    value: str = ""


class _Version(msgspec.Struct, frozen=True):
    version: str
    tags: list[_Tag] = []


class _Answer(msgspec.Struct, frozen=True):
    model_version: _Version | None = None
    message: str = ""


def _over_http(uri: ModelUri, server: SplitResult, credentials: Credentials) -> Found:
    """Ask an MLflow server, in one request."""
    if uri.alias:
        query = f"registered-models/alias?{urlencode({'name': uri.name, 'alias': uri.alias})}"
    else:
        query = f"model-versions/get?{urlencode({'name': uri.name, 'version': uri.version})}"
    if server.username:
        credentials = Credentials(username=unquote(server.username), password=unquote(server.password or ""))
    status, body = _get(server, f"{server.path.rstrip('/')}/api/2.0/mlflow/{query}", credentials)
    try:
        answer = msgspec.json.decode(body, type=_Answer)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise LoadFailed(f"the registry at {server.hostname} answered {status} and no JSON, for {uri}") from error
    if status != http.client.OK or answer.model_version is None:
        raise LoadFailed(f"the registry at {server.hostname} answered {status} for {uri}: {answer.message}")
    tags = {tag.key: tag.value for tag in answer.model_version.tags}
    return Found(answer.model_version.version, tags.get(DIGEST_TAG))


def _get(server: SplitResult, path: str, credentials: Credentials) -> tuple[int, bytes]:
    kind = http.client.HTTPSConnection if server.scheme == "https" else http.client.HTTPConnection
    with closing(kind(server.hostname or "", server.port, timeout=_TIMEOUT_SECONDS)) as connection:
        try:
            connection.request("GET", path, headers=credentials.headers())
            answer = connection.getresponse()
            return answer.status, answer.read(_MAX_ANSWER_BYTES)
        except (OSError, http.client.HTTPException) as error:
            raise LoadFailed(f"the registry at {server.hostname} does not answer: {error}") from error


def _in_sqlite(uri: ModelUri, file: Path) -> Found | None:
    """Read the tables of MLflow 3, read-only; None when they look different."""
    if not file.is_file():
        raise LoadFailed(f"there is no registry at {file}: `trivet train` and `trivet publish` make one")
    try:
        with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True, timeout=_TIMEOUT_SECONDS)) as base:
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
