"""One row of the prediction log, as the request's path hands it over: arrays as they are, nothing converted yet."""

import msgspec

from services.core.tensors import Tensors


class Record(msgspec.Struct):
    """One answered, refused or failed request.

    at: seconds since the epoch, UTC. *_seconds: durations; None where the request never got so far.
    """

    at: float
    request_id: str
    engine: str
    model: str
    version: str | None
    digest: str | None
    route: str
    code: int
    duration_seconds: float
    inputs: Tensors | None = None
    outputs: Tensors | None = None
    queue_seconds: float | None = None
    compute_seconds: float | None = None
