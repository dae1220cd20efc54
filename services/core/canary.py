"""A candidate answers a share of the requests: whose, is drawn, or decided by the hash of a key."""

import asyncio
import random
from collections.abc import Callable, Mapping
from hashlib import sha256

from services.core.answers import Identity
from services.core.loaded_model import LoadedModel, Prepared
from services.core.metrics import Metrics
from services.core.model_table import ModelTable
from services.core.settings import Settings

# A request that fell to a candidate may still be read and decoded when another takes its place.
LINGER_SECONDS = 5.0


class Canary:
    """The candidate, and who falls to it. A request is of one version from its first row to its last."""

    role = "canary"

    def __init__(
        self, settings: Settings, metrics: Metrics, table: ModelTable, draw: Callable[[], float] = random.random
    ) -> None:
        self.answers_share = settings.canary_weight
        self._header = settings.canary_header.lower().encode()
        self._metrics = metrics
        self._table = table
        self._draw = draw
        self.model: LoadedModel | None = None

    @property
    def identity(self) -> Identity | None:
        """Which version is loaded as the candidate."""
        return None if self.model is None else self.model.identity

    def pick(self, model: LoadedModel, headers: Mapping[bytes, bytes]) -> LoadedModel:
        """Return who answers a request that names no version: the model that is served, or its canary.

        headers: by their names in lower case.
        """
        canary = self.model
        if canary is None or canary.identity.name != model.identity.name:
            return model
        key = headers.get(self._header)
        share = share_of(model.identity.name, key) if key else self._draw()
        return canary if share < self.answers_share else model

    def find(self, name: str, version: str | None = None) -> LoadedModel:
        """Return a model as `ModelTable.find`; its canary is found by its version."""
        canary = self.model
        if version is None or canary is None or (name, version) != (canary.identity.name, canary.identity.version):
            return self._table.find(name, version)
        served = self._table.find(name)
        return served if served.identity.version == version else canary

    def versions(self, name: str) -> list[LoadedModel]:
        """Return the versions of a model that can be asked for: what is served, and its canary."""
        served, canary = self._table.served(name), self.model
        if served is None:
            return []
        return [served] if canary is None or canary.identity.name != name else [served, canary]

    async def take(self, candidate: Prepared, settings: Settings) -> None:
        """Let another candidate have the share from now on; the one before answers what is on its way, and is freed."""
        before, self.model = self.model, candidate.loaded(settings, self._metrics)
        self._publish(self.model.identity, served=True)
        await self._free(before)

    async def release(self) -> None:
        """Let what is served answer everything from now on; the candidate answers what is on its way, and is freed."""
        before, self.model = self.model, None
        await self._free(before)

    async def close(self) -> None:
        """Let the candidate answer what it has, and free it."""
        before, self.model = self.model, None
        if before is not None:
            await before.batcher.close()

    async def _free(self, model: LoadedModel | None) -> None:
        if model is None:
            return
        others = (self.model, self._table.served(model.identity.name))
        if all(other is None or other.identity.version != model.identity.version for other in others):
            self._publish(model.identity, served=False)
        try:
            await asyncio.sleep(LINGER_SECONDS)
        finally:
            await model.batcher.close()

    def _publish(self, identity: Identity, *, served: bool) -> None:
        labels = (identity.engine, identity.name, identity.version)
        self._metrics.model_ready.labels(*labels).set(served)
        self._metrics.model_info.labels(*labels, identity.digest).set(served)


def share_of(name: str, key: bytes) -> float:
    """Return where a key lies between 0 and 1: the same in every process, and another for every model.

    It is the first 53 bits of the SHA-256 of the model's name, a zero byte and the key, over 2^53. A weight takes the
    keys below it.
    """
    hashed = sha256(b"%s\0%s" % (name.encode(), key)).digest()
    return (int.from_bytes(hashed[:8]) >> 11) / 2.0**53
