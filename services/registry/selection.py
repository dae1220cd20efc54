"""Which models a server has: those that TRIVET_MODEL names, and those that have the tags it names."""

import contextlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from services.core.errors import LoadFailed, SettingsInvalid
from services.core.settings import Settings
from services.registry import cache
from services.registry.fetch import embedded_uri
from services.registry.mlflow_server import Credentials
from services.registry.source import ModelSource, is_folder, look_interval_seconds
from services.registry.tagged import look_up_tagged
from services.registry.uri import RESERVED_NAME, TAG_SCHEME, ModelUri, TagUri, checked_name, parse_tag

MakeSource = Callable[[Settings, str], ModelSource]


class Selection:
    """The models of one server.

    make: of one that is named, its source. named: those that stand in TRIVET_MODEL, for good.
    """

    def __init__(self, settings: Settings, make: MakeSource = ModelSource) -> None:
        """Raises SettingsInvalid, for a list that names nothing, or one name twice, and for an unknown default."""
        self._settings = settings
        self._make = make
        uris = split(settings.model)
        self.named = tuple(make(settings, uri) for uri in uris if not uri.startswith(TAG_SCHEME))
        try:
            self._tags = tuple(parse_tag(uri) for uri in uris if uri.startswith(TAG_SCHEME))
        except LoadFailed as error:
            raise SettingsInvalid(f"TRIVET_MODEL: {error.message}") from error
        if not uris:
            raise SettingsInvalid("TRIVET_MODEL names no model: models:/NAME@ALIAS, or the folder of a compiled model")
        self._check_names()

    @property
    def has_tags(self) -> bool:
        """Whether the registry decides what belongs to it."""
        return bool(self._tags)

    @property
    def watch_interval_seconds(self) -> float:
        """How often to ask which models have the tags; 0 where there are none, or nobody wants to know."""
        return look_interval_seconds(self._settings) if self._tags else 0.0

    def tagged(self, *, refresh: bool) -> list[ModelSource]:
        """Return the models that have one of the tags, but are not named. Blocks: call it in a thread.

        refresh: ask the registry even where it is known what it said last. One that is found by two tags has the alias
        of the first. Raises LoadFailed.
        """
        taken = {source.name for source in self.named}
        found: list[ModelSource] = []
        for tag in self._tags:
            for name in self._names(tag, refresh=refresh):
                if name not in taken:
                    taken.add(name)
                    found.append(self._make(self._settings, str(ModelUri(name, alias=tag.alias))))
        return found

    def _names(self, tag: TagUri, *, refresh: bool) -> list[str]:
        settings = self._settings
        if not refresh and (known := cache.tagged(str(tag), settings.home)) is not None:
            return known
        credentials = Credentials(settings.tracking_token, settings.tracking_username, settings.tracking_password)
        found = look_up_tagged(tag, settings.tracking_uri or embedded_uri(settings.home), credentials)
        names = [name for name in found if _can_be_served(name)]
        with contextlib.suppress(OSError):  # a full disk; then the next start asks the registry first
            cache.remember_tagged(str(tag), names, settings.home)
        return names

    def _check_names(self) -> None:
        names = Counter(source.name for source in self.named)
        for name, count in names.items():
            if count > 1:
                both = " and ".join(source.uri for source in self.named if source.name == name)
                raise SettingsInvalid(f"TRIVET_MODEL: {both} are the same model {name!r}, and a name is served once")
        if RESERVED_NAME in names:
            raise SettingsInvalid(f"TRIVET_MODEL: no model may be called {RESERVED_NAME!r}, a path of the protocol")
        default = self._settings.default_model
        if default is not None and default not in names and not self._tags:
            raise SettingsInvalid(f"TRIVET_DEFAULT_MODEL is {default!r}, and TRIVET_MODEL names {', '.join(names)}")


def split(model: str) -> list[str]:
    """Return what TRIVET_MODEL lists."""
    return [part.strip() for part in model.split(",") if part.strip()]


def absolute(model: str) -> str:
    """Return TRIVET_MODEL as another working directory needs it."""
    return ",".join(str(Path(uri).resolve()) if is_folder(uri) else uri for uri in split(model))


def _can_be_served(name: str) -> bool:
    try:
        return bool(checked_name(name))
    except LoadFailed:
        return False
