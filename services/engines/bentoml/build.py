"""A Bento: the package's code, and perhaps compiled models, for BentoML's own commands to serve and to pack."""

import importlib.metadata
import importlib.util
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

import bentoml
import msgspec
from bentoml import Bento

import services
from services.core.compiled_model import CompiledModel
from services.core.errors import SettingsInvalid
from services.core.settings import Settings
from services.engines.bentoml.home import open_home
from services.engines.bentoml.model_store import StoredSource, tag_of
from services.engines.bentoml.service import NAME, SERVICE
from services.registry.selection import Selection

_REQUIREMENT = re.compile(r"(?P<package>[\w.-]+)(?P<extras>\[[^]]*\])?[^;]*(;.*extra == ['\"](?P<extra>\w+)['\"])?")


class BuiltModel(msgspec.Struct, frozen=True):
    """A model that a Bento holds. tag: in BentoML's model store."""

    name: str
    version: str
    digest: str
    tag: str


class Built(msgspec.Struct, frozen=True):
    """What `build` made. bento: its tag in the home folder of BentoML. models: those that it holds, perhaps none."""

    bento: str
    home: str
    models: list[BuiltModel]


def build(settings: Settings, *, with_models: bool = True) -> Built:
    """Build a Bento of this package and, by default, of the models of the settings, by way of BentoML's model store.

    Without models it serves what the settings name where it runs. Raises LoadFailed, and SettingsInvalid.
    """
    home = str(open_home(settings))
    models = _stored(settings) if with_models else []
    tags = [tag_of(model) for model in models]
    with_sklearn = any(model.manifest.runtime == "sklearn" for model in models) if models else _has_skops()
    bento = _build(
        tags[0].partition(":")[0] if len(tags) == 1 else NAME,
        {"bentoml", "sklearn"} if with_sklearn else {"bentoml"},
        description=f"{', '.join(tags) or 'Any model'} behind Trivet's contract.",
        labels={model.manifest.name: model.version for model in models},
        models=tags,
    )
    held = zip(models, tags, strict=True)
    return Built(str(bento.tag), home, [BuiltModel(m.manifest.name, m.version, m.digest, tag) for m, tag in held])


def _stored(settings: Settings) -> list[CompiledModel]:
    """Put what TRIVET_MODEL names, and what has its tags now, into the store and return it from there."""
    selection = Selection(settings, StoredSource)
    models = [source.find(refresh=True) for source in (*selection.named, *selection.tagged(refresh=True))]
    if not models:
        raise SettingsInvalid(
            f"no model has the tag of TRIVET_MODEL, {settings.model}: tag one, or build --without-model"
        )
    return models


def _build(name: str, extras: set[str], **options: Any) -> Bento:
    with tempfile.TemporaryDirectory() as context:
        package = Path(services.__file__).parent
        shutil.copytree(package, Path(context) / package.name, ignore=shutil.ignore_patterns("__pycache__"))
        return bentoml.build(
            SERVICE,
            name=name,
            python={"packages": _pinned(extras), "lock_packages": False},
            build_ctx=context,
            **options,
        )


def _has_skops() -> bool:
    """Return whether the scikit-learn runtime is installed here, for models that are not known yet."""
    return importlib.util.find_spec("skops") is not None


def _pinned(extras: set[str]) -> list[str]:
    """Return what the package needs, in the versions that are installed here."""
    wanted = [match for line in importlib.metadata.requires("trivet") or () if (match := _REQUIREMENT.match(line))]
    return [
        _pin(found["package"], found["extras"] or "")
        for found in wanted
        if found["extra"] is None or found["extra"] in extras
    ]


def _pin(package: str, extras: str) -> str:
    try:
        return f"{package}{extras}=={importlib.metadata.version(package)}"
    except importlib.metadata.PackageNotFoundError:
        # A build for GPUs, of ONNX Runtime, takes the place of the one for CPUs under another name.
        return f"{package}-gpu=={importlib.metadata.version(f'{package}-gpu')}"
