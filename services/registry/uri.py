"""`models:/…` URIs: which version of which model."""

import re
from typing import Any

import msgspec

from services.core.errors import LoadFailed

SCHEME = "models:/"
DIGEST_TAG = "trivet.digest"
# `/v2/models/stats` is the statistics of all models.
RESERVED_NAME = "stats"
STAGES = frozenset({"none", "staging", "production", "archived"})

# A tag instead of a name.
TAG_SCHEME = f"{SCHEME}?"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
# No character that MLflow's filters would need to have quoted.
_TAG = re.compile(r"(?P<key>[\w./-]+)=(?P<value>[\w./ -]+)@(?P<alias>[A-Za-z0-9][A-Za-z0-9._-]*)", re.ASCII)


class BadUri(LoadFailed):
    """A model URI that names nothing, or a name that no URL can hold."""


class ModelUri(msgspec.Struct, frozen=True):
    """One version of a registered model; exactly one of alias and version is set."""

    name: str
    alias: str | None = None
    version: str | None = None

    def __str__(self) -> str:
        return f"{SCHEME}{self.name}@{self.alias}" if self.alias else f"{SCHEME}{self.name}/{self.version}"


class TagUri(msgspec.Struct, frozen=True):
    """Every registered model with a tag of this value, by one alias."""

    key: str
    value: str
    alias: str

    def __str__(self) -> str:
        return f"{TAG_SCHEME}{self.key}={self.value}@{self.alias}"


def parse_tag(uri: str) -> TagUri:
    """Read `models:/?TAG=VALUE@ALIAS`. Raises BadUri."""
    match = _TAG.fullmatch(uri.removeprefix(TAG_SCHEME)) if uri.startswith(TAG_SCHEME) else None
    if match is None:
        raise BadUri(
            f"{uri} names no tag: expected {TAG_SCHEME}TAG=VALUE@ALIAS, of letters, digits, '.', '_', '/' and '-'"
        )
    return TagUri(**match.groupdict())


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
    if not isinstance(name, str) or not _NAME.fullmatch(name) or name == RESERVED_NAME:
        raise BadUri(f"{name!r} cannot name a model: letters, digits, '.', '_' and '-', and not {RESERVED_NAME!r}")
    return name
