"""A Bento: the package's code, and perhaps one compiled model, for BentoML's own commands to serve and to pack."""

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
from services.core.errors import SettingsInvalid
from services.core.settings import Settings
from services.engines.bentoml.home import open_home
from services.engines.bentoml.model_store import StoredSource, tag_of
from services.engines.bentoml.service import NAME, SERVICE
from services.registry.selection import split
from services.registry.uri import TAG_SCHEME

_REQUIREMENT = re.compile(r"(?P<package>[\w.-]+)(?P<extras>\[[^]]*\])?[^;]*(;.*extra == ['\"](?P<extra>\w+)['\"])?")


class Built(msgspec.Struct, frozen=True, omit_defaults=True):
    """What `build` made. bento, model: tags in the home folder of BentoML; no model: the Bento holds none."""

    bento: str
    home: str
    model: str = ""
    digest: str = ""


def build(settings: Settings, *, with_model: bool = True) -> Built:
    """Build a Bento of this package and, by default, of the model of the settings, by way of BentoML's model store.

    Without a model it serves what the settings name where it runs. Raises LoadFailed, and SettingsInvalid.
    """
    home = str(open_home(settings))
    if not with_model:
        built = _build(NAME, "Any model behind Trivet's contract.", _engine_extras())
        return Built(str(built.tag), home)
    uris = split(settings.model)
    if len(uris) != 1 or uris[0].startswith(TAG_SCHEME):
        raise SettingsInvalid("a Bento holds one model: name one, or build it --without-model, which serves any list")
    model = StoredSource(settings, uris[0]).find(refresh=True)
    tag = tag_of(model)
    built = _build(
        tag.partition(":")[0],
        f"{model.manifest.name}, version {model.version}, behind Trivet's contract.",
        {"bentoml", "sklearn"} if model.manifest.runtime == "sklearn" else {"bentoml"},
        labels={"model": model.manifest.name, "version": model.version, "digest": model.digest},
        models=[tag],
    )
    return Built(str(built.tag), home, tag, model.digest)


def _build(name: str, description: str, extras: set[str], **options: Any) -> Bento:
    with tempfile.TemporaryDirectory() as context:
        package = Path(services.__file__).parent
        shutil.copytree(package, Path(context) / package.name, ignore=shutil.ignore_patterns("__pycache__"))
        return bentoml.build(
            SERVICE,
            name=name,
            description=description,
            python={"packages": _pinned(extras), "lock_packages": False},
            build_ctx=context,
            **options,
        )


def _engine_extras() -> set[str]:
    """Return the extras of every runtime that is installed here."""
    return {"bentoml", "sklearn"} if importlib.util.find_spec("skops") else {"bentoml"}


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
