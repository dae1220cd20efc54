"""Keeps a candidate at what its URI names: loaded, checked and warm beside what is served, as a shadow or a canary."""

import asyncio
import logging
import random
import time
from collections.abc import Callable
from typing import Protocol

from services.core.answers import Identity
from services.core.errors import LoadFailed, SettingsInvalid, TrivetError
from services.core.loaded_model import Prepared
from services.core.model_table import ModelTable
from services.core.settings import Settings
from services.http.aside import aside
from services.registry.fetch import Current
from services.registry.selection import Selection
from services.registry.source import ModelSource
from services.registry.uri import parse
from services.registry.watch import Attempts, Rhythm, Target

# A candidate waits for the model that it is compared with.
LOOK_SECONDS = 0.1
# Where nobody follows the alias, a candidate that is not there yet is looked for so often.
RETRY_SECONDS = 30.0

logger = logging.getLogger("trivet.candidate")


class Place(Protocol):
    """Where a candidate runs: core.shadow.Shadow or core.canary.Canary. answers_share: of the requests."""

    role: str
    answers_share: float

    @property
    def identity(self) -> Identity | None:
        """Which version runs there."""

    async def take(self, candidate: Prepared, settings: Settings) -> None:
        """Run another one from now on."""

    async def release(self) -> None:
        """Run none."""

    async def close(self) -> None:
        """Run none, and end."""


class Candidate:
    """Follows one URI for one place. What goes wrong is said in the log and the repository index, and harms nobody."""

    def __init__(
        self,
        source: ModelSource,
        place: Place,
        table: ModelTable,
        settings: Settings,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._place = place
        self._table = table
        self._interval_seconds = source.watch_interval_seconds
        self._rhythm = Rhythm(self._interval_seconds or RETRY_SECONDS, random.random)
        self._attempts = Attempts(clock)
        self._reason = "it is not loaded yet"
        self._version = ""
        self.change(settings)

    def change(self, settings: Settings) -> None:
        """Load with other settings from now on."""
        update: dict[str, object] = {"swap_replay_rows": 0}  # no other version is compared with a candidate
        if self._place.role == "shadow":
            update["swap_max_changed_ratio"] = 1.0  # comparing answers is what a shadow is for
        self._settings = settings.model_copy(update=update)

    async def run(self) -> None:
        """Look once there is a model to run beside, then at every interval; without one, until it is loaded."""
        while self._table.served(self._source.name) is None:  # noqa: ASYNC110 - a model in the table is no event
            await asyncio.sleep(LOOK_SECONDS)
        await self.look()
        while self._interval_seconds or self._place.identity is None:
            await asyncio.sleep(self._rhythm.next_seconds())
            await self.look()

    async def look(self) -> None:
        """Ask what the URI names, and run that, unless it is what is served."""
        name = self._source.name
        served = self._table.served(name)
        if served is None:
            await self._leave("", f"there is no model {name!r} to run beside")
            return
        try:
            now = await aside(self._source.current)
        except Exception as error:  # whatever it is, the next look may go well
            self._rhythm.failed()
            self._explain(_reason(error))
            return
        self._rhythm.answered()
        self._attempts.see(Target.of(now))
        if _is(served.identity, now):
            await self._leave(now.version, f"version {now.version} is what is served", logging.INFO)
        elif _is(self._place.identity, now):
            self._explain("")
        elif self._attempts.is_due():
            await self._take(now)

    def row(self) -> dict[str, str]:
        """Return the candidate's row of the repository index. A shadow is not available, since it answers nobody."""
        identity = self._place.identity
        if identity is None:
            state, reason = "UNAVAILABLE", self._reason
        elif self._place.role == "shadow":
            state, reason = "UNAVAILABLE", f"runs beside what is served, and answers nobody; {self._reason}"
        else:
            state, reason = "READY", f"answers {self._place.answers_share:.4g} of the requests; {self._reason}"
        version = identity.version if identity else self._version
        described = {"name": self._source.name, **({"version": version} if version else {}), "state": state}
        return {**described, "reason": f"{self._place.role}: {reason.removesuffix('; ')}"}

    async def close(self) -> None:
        """Free the candidate."""
        await self._place.close()

    async def _take(self, now: Current) -> None:
        try:
            compiled = await aside(self._source.obtain, now)
        except Exception as error:  # a registry, a network, a disk
            self._attempts.failed(f"version {now.version} cannot be fetched: {_reason(error)}")
            await self._leave(now.version, self._attempts.reason)
            return
        try:
            candidate = await self._table.load_beside(compiled, self._settings)
        except LoadFailed as error:
            self._attempts.refused(f"version {now.version} is not loaded: {error.message}")
            await self._leave(now.version, self._attempts.reason)
        except Exception as error:  # memory, perhaps
            self._attempts.failed(f"version {now.version} cannot be loaded: {_reason(error)}")
            await self._leave(now.version, self._attempts.reason)
        else:
            self._explain("")
            facts = {"model": now.name, "version": now.version, "digest": now.digest}
            logger.info("the candidate runs", extra={"role": self._place.role, **facts})
            await self._place.take(candidate, self._settings)

    async def _leave(self, version: str, reason: str, level: int = logging.WARNING) -> None:
        """Run none: what runs is no longer what the URI names, or no longer beside anything."""
        self._version = version
        if self._place.identity is not None:
            await self._place.release()
            self._table.released_beside()
        self._explain(reason, level)

    def _explain(self, reason: str, level: int = logging.WARNING) -> None:
        if reason and reason != self._reason:
            event = "the candidate does not run" if self._place.identity is None else "the candidate stays as it is"
            facts = {"role": self._place.role, "model": self._source.name, "reason": reason}
            logger.log(level, event, extra=facts)
        self._reason = reason


def open_candidate(
    settings: Settings, place: Place | None, table: ModelTable, selection: Selection
) -> Candidate | None:
    """Return the candidate of the settings, where there is a place for one. Raises SettingsInvalid as `uri_of`."""
    uri = uri_of(settings, selection)
    if place is None:
        return None
    return Candidate(ModelSource(settings, uri), place, table, settings)


def uri_of(settings: Settings, selection: Selection) -> str:
    """Return the URI of the candidate that the settings name, if any.

    Raises SettingsInvalid when it is no candidate of a model that is served, or both a shadow and a canary are named.
    """
    if settings.shadow and settings.canary:
        raise SettingsInvalid(
            "TRIVET_SHADOW and TRIVET_CANARY are both set, and what answers nobody cannot answer some: leave one empty"
        )
    variable, uri = ("TRIVET_SHADOW", settings.shadow) if settings.shadow else ("TRIVET_CANARY", settings.canary)
    if not uri:
        return ""
    try:
        candidate = parse(uri)
    except LoadFailed as error:
        raise SettingsInvalid(f"{variable}: {error.message}") from error
    served = {source.name for source in selection.named}
    # A folder's name is known when it is read, and tagged models are known when the registry was asked.
    is_known = not selection.has_tags and all(source.is_followed for source in selection.named)
    if is_known and candidate.name not in served:
        names = " and ".join(sorted(served))
        raise SettingsInvalid(
            f"{variable} is {uri}, and {names} is served: name a version or an alias of models:/{min(served)}"
        )
    return uri


def _is(identity: Identity | None, now: Current) -> bool:
    return identity is not None and Target.of(now) == (identity.version, identity.digest)


def _reason(error: Exception) -> str:
    return error.message if isinstance(error, TrivetError) else repr(error)
