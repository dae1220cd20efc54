"""API keys: who may call what. Keys are compared in constant time and never logged; their names are."""

import hmac
import logging
import time
from pathlib import Path

from services.core.errors import NotFound, SettingsInvalid
from services.core.settings import Settings
from services.http.errors import Forbidden, Unauthenticated
from services.http.exchange import Exchange

OPEN_PATHS = frozenset({"/health", "/v2/health/live", "/v2/health/ready", "/metrics"})
# A changed key file is noticed after at most this long.
LOOK_SECONDS = 1.0

logger = logging.getLogger("trivet.keys")


class KeyFile:
    """A file of `name:key` lines, read again when it changes. Blank lines and lines that begin with # are skipped."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int, int] | None = None
        self._looked_at = 0.0
        self._keys: dict[str, bytes] = {}
        try:
            self._stamp, self._keys = self._look()
        except (OSError, ValueError) as error:
            raise SettingsInvalid(f"the key file {path} cannot be used: {error}") from error

    def name_of(self, key: bytes) -> str:
        """Return whose key it is, or an empty string. Every key is compared, so that time tells nothing."""
        self._refresh()
        found = ""
        for name, known in self._keys.items():
            if hmac.compare_digest(known, key):
                found = name
        return found

    def _refresh(self) -> None:
        now = time.monotonic()
        if now - self._looked_at < LOOK_SECONDS:
            return
        self._looked_at = now
        try:
            stat = self._path.stat()
            if (stat.st_mtime_ns, stat.st_size, stat.st_ino) != self._stamp:
                self._stamp, self._keys = self._look()
                logger.info("keys read", extra={"file": str(self._path), "names": sorted(self._keys)})
        except (OSError, ValueError) as error:
            logger.warning("keys not read, the old ones stay", extra={"file": str(self._path), "reason": str(error)})

    def _look(self) -> tuple[tuple[int, int, int], dict[str, bytes]]:
        stat = self._path.stat()
        keys: dict[str, bytes] = {}
        for number, line in enumerate(self._path.read_text().splitlines(), 1):
            if not line.strip() or line.startswith("#"):
                continue
            name, separator, key = line.strip().partition(":")
            if not separator or not name or not key:
                raise ValueError(f"line {number} is not name:key")
            keys[name] = key.encode()
        if not keys:
            raise ValueError("it holds no key")
        return (stat.st_mtime_ns, stat.st_size, stat.st_ino), keys


class Keys:
    """The two key files of a server; either may be absent."""

    def __init__(self, settings: Settings) -> None:
        self._api = KeyFile(settings.api_keys_file) if settings.api_keys_file else None
        self._admin = KeyFile(settings.admin_keys_file) if settings.admin_keys_file else None
        self.required = self._api is not None

    def check(self, exchange: Exchange) -> None:
        """Raise Unauthenticated unless the request may use the ordinary routes."""
        if self._api is None or exchange.path in OPEN_PATHS:
            return
        key = _key_of(exchange)
        name = self._api.name_of(key) or (self._admin.name_of(key) if self._admin else "") if key else ""
        if not name:
            raise Unauthenticated("an API key was expected, as Authorization: Bearer KEY or as X-API-Key")
        exchange.caller = name

    def check_admin(self, exchange: Exchange) -> None:
        """Raise NotFound where there are no administrators, Unauthenticated without a key, Forbidden with another."""
        if self._admin is None:
            raise NotFound(f"{exchange.path} is off: it needs TRIVET_ADMIN_KEYS_FILE")
        key = _key_of(exchange)
        if not key:
            raise Unauthenticated("an administrator's key was expected, as Authorization: Bearer KEY or as X-API-Key")
        exchange.caller = self._admin.name_of(key)
        if not exchange.caller:
            raise Forbidden("this key has no right to administer models")


def _key_of(exchange: Exchange) -> bytes:
    scheme, _, key = exchange.headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() == b"bearer":
        return key.strip()
    return exchange.headers.get(b"x-api-key", b"")
