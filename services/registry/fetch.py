"""A `models:/…` URI to a compiled model on this machine, verified, without importing MLflow."""

import re
import subprocess
import sys
from pathlib import Path

import msgspec

from services.core.compiled_model import CompiledModel
from services.core.errors import LoadFailed
from services.registry import artifacts, cache
from services.registry.lookup import Found, look_up
from services.registry.mlflow_server import DOWNLOAD_SECONDS, Credentials, MlflowServer
from services.registry.uri import ModelUri, parse


class _Answer(msgspec.Struct, frozen=True):
    """One line of `services.registry.download`."""

    version: str = ""
    digest: str | None = None
    folder: str | None = None
    error: str | None = None


class Current(msgspec.Struct, frozen=True):
    """The version that a URI names now, and the digest that it was published with.

    source: where its files lie, where an MLflow server told.
    """

    name: str
    version: str
    digest: str
    source: str = ""


def current(uri: str, home: Path, tracking_uri: str | None = None, credentials: Credentials | None = None) -> Current:
    """Ask the registry which version a URI names now; cheap enough to ask every few seconds.

    uri: models:/NAME@ALIAS or models:/NAME/VERSION. tracking_uri: MLflow's; None for the registry under home.
    Raises LoadFailed, with what to do.
    """
    wanted = parse(uri)
    where = tracking_uri or embedded_uri(home)
    found = look_up(wanted, where, credentials or Credentials()) or _ask_child(wanted, where)
    return Current(wanted.name, found.version, _digest(wanted, found), found.source)


def fetch(
    uri: str, home: Path, tracking_uri: str | None = None, credentials: Credentials | None = None
) -> CompiledModel:
    """Return the version that a URI names now, verified; downloaded only if it is not in the cache.

    Arguments as for `current`. Blocks for as long as the registry takes. Raises LoadFailed, with what to do.
    """
    return obtain(current(uri, home, tracking_uri, credentials), home, tracking_uri, credentials)


def obtain(
    now: Current, home: Path, tracking_uri: str | None = None, credentials: Credentials | None = None
) -> CompiledModel:
    """Return this very version, as `fetch` does."""
    try:
        model = cache.find(now.version, now.digest, home)
        if model is None:
            model = _download(now, home, tracking_uri or embedded_uri(home), credentials or Credentials())
    except OSError as error:
        version = ModelUri(now.name, version=now.version)
        raise LoadFailed(
            f"{version} cannot be kept in {home}: {error.strerror}: let TRIVET_HOME be a folder that can be written"
        ) from error
    return model


def embedded_uri(home: Path) -> str:
    """Return the tracking URI of the registry under the home folder."""
    return f"sqlite:///{(home / 'mlflow.db').resolve()}"


def _digest(uri: ModelUri, found: Found) -> str:
    if found.digest is None:
        source = ModelUri(uri.name, version=found.version)
        raise LoadFailed(f"{source} has no digest, so trivet did not publish it: `trivet publish {source}` compiles it")
    return found.digest


def _download(now: Current, home: Path, tracking_uri: str, credentials: Credentials) -> CompiledModel:
    uri = ModelUri(now.name, version=now.version)
    with cache.incoming(home) as scratch:
        folder = Path(scratch)
        if artifacts.are_served(now.source):
            artifacts.download(MlflowServer(tracking_uri, credentials), now.source, folder, uri)
        else:
            folder = Path(_child(tracking_uri, str(uri), scratch).folder or scratch)
        try:
            return cache.keep(folder, version=now.version, digest=now.digest, home=home)
        except LoadFailed as error:
            raise LoadFailed(
                f"{uri} is not what was published, so somebody changed its files or its digest: "
                f"publish it again ({error.message})"
            ) from error


def _ask_child(uri: ModelUri, tracking_uri: str) -> Found:
    answer = _child(tracking_uri, str(uri))
    return Found(answer.version, answer.digest)


def _child(*arguments: str) -> _Answer:
    command = [sys.executable, "-m", "services.registry.download", *arguments]
    try:
        child = subprocess.run(command, capture_output=True, timeout=DOWNLOAD_SECONDS, check=False)
        answer = msgspec.json.decode(child.stdout.strip().rpartition(b"\n")[2], type=_Answer)
    except subprocess.TimeoutExpired as error:
        raise LoadFailed(f"the registry took longer than {DOWNLOAD_SECONDS} s for {arguments[1]}") from error
    except msgspec.DecodeError as error:
        last = child.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise LoadFailed(f"the download of {arguments[1]} ended with code {child.returncode}: {last}") from error
    if answer.error:
        registry = re.sub(r"//[^/@]*@", "//", arguments[0])  # without a password
        raise LoadFailed(f"{arguments[1]} cannot be fetched from {registry}: {answer.error}")
    return answer
