"""`models:/…` URIs: which version of which model."""

import re
from typing import Any

import msgspec

from services.core.errors import LoadFailed

SCHEME = "models:/"
DIGEST_TAG = "trivet.digest"
STAGES = frozenset({"none", "staging", "production", "archived"})

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class BadUri(LoadFailed):
    """A model URI that names nothing, or a name that no URL can hold."""


class ModelUri(msgspec.Struct, frozen=True):
    """One version of a registered model; exactly one of alias and version is set."""

    name: str
    alias: str | None = None
    version: str | None = None

    def __str__(self) -> str:
        return f"{SCHEME}{self.name}@{self.alias}" if self.alias else f"{SCHEME}{self.name}/{self.version}"


def parse(uri: str) -> ModelUri:
    """Read `models:/NAME@ALIAS` or `models:/NAME/VERSION`.

    Raises BadUri for anything else; for a stage, with the alias to use instead.
    """
    if uri.startswith("runs:/"):
        raise BadUri(f"{uri} is a run's model, and only published versions are served: `trivet publish {uri}` first")
    if not uri.startswith(SCHEME):
        raise BadUri(f"{uri} is no model URI: expected models:/NAME@ALIAS or models:/NAME/VERSION")
    rest = uri.removeprefix(SCHEME)
    name, at, alias = rest.partition("@")
    if at and alias and _NAME.fullmatch(name):
        return ModelUri(name, alias=alias)
    name, _, version = rest.partition("/")
    if _NAME.fullmatch(name) and version.isascii() and version.isdigit():
        return ModelUri(name, version=version)
    if _NAME.fullmatch(name) and version.lower() in STAGES:
        raise BadUri(
            f"{uri} names a stage, and MLflow has given stages up for aliases: use {SCHEME}{name}@{version.lower()}"
        )
    raise BadUri(f"{uri} is no model URI: expected models:/NAME@ALIAS or models:/NAME/VERSION")


def checked_name(name: Any) -> str:
    """Return a model name that also is one segment of a URL.

    Raises BadUri when it is not, and for `stats`, which is a path of the protocol.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name) or name == "stats":
        raise BadUri(f"{name!r} cannot name a model: letters, digits, '.', '_' and '-', and not 'stats'")
    return name
