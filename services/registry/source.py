"""Where a server's model comes from: a folder, the cache, or the registry."""

from pathlib import Path

from services.core import compiled_model
from services.core.compiled_model import CompiledModel
from services.core.errors import LoadFailed
from services.core.settings import Settings
from services.registry.cache import cached
from services.registry.fetch import Current, current, fetch
from services.registry.lookup import Credentials
from services.registry.uri import parse

# A folder that came without a registry has no version of its own, and every answer names one.
LOCAL_VERSION = "0"


class ModelSource:
    """The model that the settings name. Everything here may block: call it in a thread."""

    def __init__(self, settings: Settings) -> None:
        self._uri = settings.model
        self._home = settings.home
        self._tracking_uri = settings.tracking_uri
        self._credentials = Credentials(settings.tracking_token, settings.tracking_username, settings.tracking_password)
        self.is_folder = not self._uri.startswith(("models:", "runs:"))

    @property
    def name(self) -> str:
        """The model's name, or nothing where the URI alone does not tell it."""
        try:
            return parse(self._uri).name
        except LoadFailed:
            return ""

    def find(self, *, refresh: bool) -> CompiledModel:
        """Return the compiled model, verified. refresh: ask the registry even where the cache has an answer.

        Raises LoadFailed, with what to do.
        """
        if self.is_folder:
            return compiled_model.read(Path(self._uri), version=LOCAL_VERSION, expected_digest=None)
        if not refresh and (found := cached(self._uri, self._home)) is not None:
            return found
        return fetch(self._uri, self._home, self._tracking_uri, self._credentials)

    def current(self) -> Current:
        """Ask the registry which version the URI names now. Raises LoadFailed."""
        return current(self._uri, self._home, self._tracking_uri, self._credentials)
