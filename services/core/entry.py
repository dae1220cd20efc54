"""One row of the model table."""

from typing import Literal, NamedTuple

import msgspec

from services.core.compiled_model import CompiledModel
from services.core.loaded_model import LoadedModel

State = Literal["loading", "ready", "draining", "failed", "unloaded"]


class Evicted(NamedTuple):
    """A model that was freed for the memory of others, and what it took when it was loaded."""

    compiled: CompiledModel
    size_bytes: int
    load_seconds: float


class Entry(msgspec.Struct):
    """One row of the table.

    reason: why a model is failed or unloaded, or why it is not the version that it should be. previous: the version
    that was served before; it stays loaded, so that the way back takes no time. evicted: what the next request for it
    loads again. awaited: the server is ready only with this model.
    """

    name: str
    state: State
    reason: str = ""
    model: LoadedModel | None = None
    previous: LoadedModel | None = None
    evicted: Evicted | None = None
    awaited: bool = True
