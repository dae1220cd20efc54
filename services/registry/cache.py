"""Compiled models on this machine: folders by digest, and a pointer per URI to what it last named."""

import hashlib
import shutil
import tempfile
from pathlib import Path

import msgspec

from services.core import compiled_model
from services.core.compiled_model import CompiledModel
from services.core.errors import LoadFailed


class Pointer(msgspec.Struct, frozen=True):
    """What a URI last resolved to."""

    uri: str
    version: str
    digest: str


class Tagged(msgspec.Struct, frozen=True):
    """The models that a tag last named."""

    uri: str
    names: list[str]


def folder_of(digest: str, home: Path) -> Path:
    """Return where a compiled model with this digest is kept."""
    return home / "cache" / "models" / digest


def cached(uri: str, home: Path) -> CompiledModel | None:
    """Return what this URI last resolved to here, verified; no registry is contacted.

    None when it never was resolved here, or when a file no longer has the digest that was published.
    """
    try:
        pointer = msgspec.json.decode(_pointer_file(uri, home).read_bytes(), type=Pointer)
        return find(pointer.version, pointer.digest, home)
    except (OSError, msgspec.DecodeError):
        return None


def find(version: str, digest: str, home: Path) -> CompiledModel | None:
    """Return a version from the cache, verified; one that no longer fits its digest is removed."""
    folder = folder_of(digest, home)
    if not folder.is_dir():
        return None
    try:
        return compiled_model.read(folder, version=version, expected_digest=digest)
    except LoadFailed:
        shutil.rmtree(folder, ignore_errors=True)
        return None


def keep(downloaded: Path, *, version: str, digest: str, home: Path) -> CompiledModel:
    """Verify a downloaded folder and move it into the cache in one step; the folder is gone afterwards.

    downloaded: on the file system of the cache, see `incoming`.
    Raises LoadFailed when its digest is another one.
    """
    compiled_model.read(downloaded, version=version, expected_digest=digest)
    target = folder_of(digest, home)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        downloaded.rename(target)
    except OSError:
        # Another process was faster; whatever stands there is verified below.
        shutil.rmtree(downloaded, ignore_errors=True)
    return compiled_model.read(target, version=version, expected_digest=digest)


def incoming(home: Path) -> "tempfile.TemporaryDirectory[str]":
    """Return a temporary folder beside the cache, for a download; the caller closes it."""
    root = home / "cache" / "incoming"
    root.mkdir(parents=True, exist_ok=True)
    return tempfile.TemporaryDirectory(dir=root, ignore_cleanup_errors=True)


def point(uri: str, model: CompiledModel, home: Path) -> None:
    """Remember what a URI resolved to."""
    _write(_pointer_file(uri, home), Pointer(uri, model.version, model.digest))


def tagged(tag: str, home: Path) -> list[str] | None:
    """Return the names of the models that last had a tag, if that is known here."""
    try:
        return msgspec.json.decode(_pointer_file(tag, home).read_bytes(), type=Tagged).names
    except (OSError, msgspec.DecodeError):
        return None


def remember_tagged(tag: str, names: list[str], home: Path) -> None:
    """Remember which models had a tag."""
    if tagged(tag, home) != names:
        _write(_pointer_file(tag, home), Tagged(tag, names))


def _write(file: Path, content: msgspec.Struct) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=file.parent, delete=False) as new:
        new.write(msgspec.json.encode(content))
    Path(new.name).replace(file)


def _pointer_file(uri: str, home: Path) -> Path:
    return home / "cache" / "pointers" / f"{hashlib.sha256(uri.encode()).hexdigest()}.json"
