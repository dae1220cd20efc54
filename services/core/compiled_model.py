"""A compiled model: a folder with the model's file, `model.json` and, from a registry, MLflow's own files.

Where it was published with tables of rows, `reference.json` (`services/core/reference.py`) is there too.
"""

import hashlib
from pathlib import Path
from typing import Any, Literal

import msgspec

from services.core.errors import LoadFailed
from services.core.signature import Signature

MANIFEST_FILE = "model.json"
MODEL_FILES = {"onnx": "model.onnx", "sklearn": "model.skops"}
# MLflow adds this file to what it downloads; it is not part of what was published.
NOT_DIGESTED = frozenset({"registered_model_meta"})


class Manifest(msgspec.Struct, frozen=True, omit_defaults=True):
    """`model.json`: all that serving needs to know besides the model's own file.

    sample: a few rows of every input, as JSON values in the shape of the signature; used for warm-up and for
    the examples of the OpenAPI page. answers: what the compiled model answered to the sample when it was published;
    empty for a model that was published before they were kept. parity: what publish measured. provenance: where the
    model came from.
    """

    name: str
    runtime: Literal["onnx", "sklearn"]
    signature: Signature
    sample: dict[str, list[Any]]
    answers: dict[str, list[Any]] = {}
    parity: dict[str, Any] = {}
    provenance: dict[str, Any] = {}
    format: int = 1


class CompiledModel(msgspec.Struct, frozen=True):
    """A compiled model on this machine, its digest verified or, for a plain folder, computed."""

    folder: Path
    manifest: Manifest
    version: str
    digest: str

    @property
    def model_file(self) -> Path:
        """The model's own file."""
        return self.folder / MODEL_FILES[self.manifest.runtime]

    def named(self, name: str) -> "CompiledModel":
        """Return it under another name: MLflow can copy a version to another model, with the first one's files."""
        return msgspec.structs.replace(self, manifest=msgspec.structs.replace(self.manifest, name=name))

    def model_file_bytes(self) -> int:
        """Return the size of the model's own file: a model takes at least that much memory."""
        return self.model_file.stat().st_size


def digest(folder: Path) -> str:
    """Return the sha-256, in hex, over the sorted `path sha256` lines of a folder's files."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name not in NOT_DIGESTED)
    lines = [f"{path.relative_to(folder).as_posix()} {_sha256(path)}\n" for path in files]
    return hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()


def read(folder: Path, *, version: str, expected_digest: str | None) -> CompiledModel:
    """Read a compiled model.

    expected_digest: what the registry's tag says; None for a folder that came without a registry.
    Raises LoadFailed when it is no compiled model, or when a file differs from what was published.
    """
    manifest = read_manifest(folder)
    found = digest(folder)
    if expected_digest is not None and found != expected_digest:
        raise LoadFailed(f"{folder} has the digest {found}, and {expected_digest} was published: fetch it again")
    model = CompiledModel(folder, manifest, version, found)
    if not model.model_file.is_file():
        raise LoadFailed(f"{model.model_file} is missing")
    return model


def read_manifest(folder: Path) -> Manifest:
    """Read what a folder says of itself, unverified. Raises LoadFailed when it is no compiled model."""
    try:
        return msgspec.json.decode((folder / MANIFEST_FILE).read_bytes(), type=Manifest)
    except OSError as error:
        raise LoadFailed(
            f"{folder} is no compiled model ({error.strerror}): publish it with `trivet publish`"
        ) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise LoadFailed(f"{folder / MANIFEST_FILE} is not readable: {error}") from error


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
