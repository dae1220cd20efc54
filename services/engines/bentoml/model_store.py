"""BentoML's model store: what this engine serves goes through it, and is verified on its way out."""

import contextlib
import fcntl
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import bentoml
from bentoml.exceptions import BentoMLException

from services.core import compiled_model
from services.core.compiled_model import CompiledModel
from services.core.errors import LoadFailed
from services.core.settings import Settings
from services.registry.fetch import Current
from services.registry.source import ModelSource

# BentoML puts a file of its own beside it, which is not part of what was published.
FOLDER = "compiled"
# A tag holds at most 63 characters on either side of its colon.
NAME_CHARACTERS = 63
DIGEST_CHARACTERS = 32
_NOT_IN_TAG = re.compile(r"[^a-z0-9]+")


class StoredSource(ModelSource):
    """A model that the settings name, by way of BentoML's model store."""

    def find(self, *, refresh: bool) -> CompiledModel:
        """Return the compiled model from the store, where it is put first; otherwise as ModelSource.find."""
        return keep(super().find(refresh=refresh), self._home)

    def obtain(self, now: Current) -> CompiledModel:
        """Return this very version from the store, where it is put first; otherwise as ModelSource.obtain."""
        return keep(super().obtain(now), self._home)


class PackedSource(ModelSource):
    """The model that a Bento was built with, whose tag stands for a URI; it never changes."""

    def __init__(self, settings: Settings, tag: str) -> None:
        super().__init__(settings, tag)
        with contextlib.suppress(BentoMLException):  # the load will say so
            self.name = str(bentoml.models.get(tag).info.metadata["name"])

    def find(self, *, refresh: bool) -> CompiledModel:
        """Return the compiled model, verified. Raises LoadFailed."""
        return read(self.uri)


def tag_of(model: CompiledModel) -> str:
    """Return the tag of a compiled model: its name, its version and the beginning of its digest."""
    name = _NOT_IN_TAG.sub("-", model.manifest.name.lower()).strip("-")[:NAME_CHARACTERS]
    return f"{name}:{model.version}-{model.digest[:DIGEST_CHARACTERS]}"


def keep(model: CompiledModel, home: Path) -> CompiledModel:
    """Put a compiled model into the store, unless it is there, and return it from there, verified.

    Raises LoadFailed.
    """
    tag = tag_of(model)
    with _one_at_a_time(home):
        try:
            return read(tag)
        except LoadFailed:
            with contextlib.suppress(BentoMLException):  # there is none
                bentoml.models.delete(tag)
        metadata = {"name": model.manifest.name, "version": model.version, "digest": model.digest}
        with bentoml.models.create(tag, metadata=metadata) as stored:
            shutil.copytree(model.folder, Path(stored.path) / FOLDER)
        return read(tag)


def read(tag: str) -> CompiledModel:
    """Return a compiled model from the store. Raises LoadFailed when it is not there, or not what was put there."""
    try:
        stored = bentoml.models.get(tag)
    except BentoMLException as error:
        raise LoadFailed(f"{tag} is not in BentoML's model store: `trivet build` puts it there") from error
    known = stored.info.metadata
    folder = Path(stored.path) / FOLDER
    kept = compiled_model.read(folder, version=str(known["version"]), expected_digest=str(known["digest"]))
    found = kept.named(str(known["name"]))
    # The tag stands in the Bento too, apart from the model that it names.
    if tag_of(found) != tag:
        raise LoadFailed(f"{tag} holds {tag_of(found)}: build it again")
    return found


@contextlib.contextmanager
def _one_at_a_time(home: Path) -> Iterator[None]:
    """Let one process at a time write: in the store, a model can be seen before it is whole."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / "bentoml.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
