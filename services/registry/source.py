"""Where one model of a server comes from: a folder, the cache, or the registry."""

from pathlib import Path

from services.core import compiled_model
from services.core.compiled_model import CompiledModel
from services.core.errors import LoadFailed
from services.core.settings import Settings
from services.registry import cache
from services.registry.fetch import Current, current, fetch, obtain
from services.registry.lookup import is_direct
from services.registry.mlflow_server import Credentials
from services.registry.uri import ModelUri, parse

# A folder that came without a registry has no version of its own, and every answer names one.
LOCAL_VERSION = "0"
# Where only MLflow itself can ask, a look is a child process that computes for seconds.
SLOW_LOOK_INTERVAL_SECONDS = 300.0


def is_folder(uri: str) -> bool:
    """Whether what stands in TRIVET_MODEL is a path."""
    return not uri.startswith(("models:", "runs:"))


class ModelSource:
    """One model that the settings name. Everything here may block: call it in a thread.

    name: under which it is served. Where nothing tells it, as the folder is not there or the URI is none, something
    that an operator recognises.
    """

    def __init__(self, settings: Settings, uri: str) -> None:
        self._settings = settings
        self.uri = uri
        self._home = settings.home
        self._tracking_uri = settings.tracking_uri
        self._credentials = Credentials(settings.tracking_token, settings.tracking_username, settings.tracking_password)
        self._registered = _registered(uri)
        self.name = self._registered.name if self._registered else _name_in(uri)

    @property
    def is_followed(self) -> bool:
        """Whether there is a registry to ask which version the URI names."""
        return self._registered is not None

    @property
    def watch_interval_seconds(self) -> float:
        """How often to ask which version the URI names; 0 where it always names the same, or nobody wants to know."""
        wanted_seconds = self._settings.watch_interval_seconds
        if self._registered is None or self._registered.alias is None or not wanted_seconds:
            return 0.0
        return look_interval_seconds(self._settings)

    def find(self, *, refresh: bool) -> CompiledModel:
        """Return the compiled model, verified. refresh: ask the registry even where the cache has an answer.

        Raises LoadFailed, with what to do.
        """
        if is_folder(self.uri):
            return self._checked(compiled_model.read(Path(self.uri), version=LOCAL_VERSION, expected_digest=None))
        if not refresh and (found := cache.cached(self.uri, self._home)) is not None:
            return found.named(self.name)
        return fetch(self.uri, self._home, self._tracking_uri, self._credentials).named(self.name)

    def current(self) -> Current:
        """Ask the registry which version the URI names now. Raises LoadFailed."""
        return current(self.uri, self._home, self._tracking_uri, self._credentials)

    def obtain(self, now: Current) -> CompiledModel:
        """Return this very version, verified; downloaded only if it is not in the cache. Raises LoadFailed."""
        return obtain(now, self._home, self._tracking_uri, self._credentials).named(self.name)

    def remember(self, model: CompiledModel) -> None:
        """Start with this version next time, before the registry is asked: it is served, so it has been checked."""
        if self.is_followed:
            cache.point(self.uri, model, self._home)

    def _checked(self, model: CompiledModel) -> CompiledModel:
        """Return a folder's model; raise LoadFailed when it is not the one that the server was started with."""
        found = model.manifest.name
        if found != self.name:
            raise LoadFailed(f"{self.uri} holds the model {found!r}, not {self.name!r}: start the server again")
        return model


def look_interval_seconds(settings: Settings) -> float:
    """Return how often to ask the registry of these settings; 0 for never."""
    wanted_seconds = settings.watch_interval_seconds
    direct = settings.tracking_uri is None or is_direct(settings.tracking_uri)
    return wanted_seconds if direct or not wanted_seconds else max(wanted_seconds, SLOW_LOOK_INTERVAL_SECONDS)


def _registered(uri: str) -> ModelUri | None:
    try:
        return parse(uri)
    except LoadFailed:
        return None


def _name_in(uri: str) -> str:
    """Return the name of a folder's model; what is wrong with the folder, or with a URI, its load will say."""
    if not is_folder(uri):
        return uri
    try:
        return compiled_model.read_manifest(Path(uri)).name
    except LoadFailed:
        return Path(uri).resolve().name
