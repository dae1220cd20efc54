"""What the server itself says of the load: the metrics of Trivet's contract, where it has them."""

from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families

from services.load.target import Target, Unanswered

DURATION = "inference_request_duration_seconds"
# The server may have answered a few others, its probes for instance; many more or fewer are not the same requests.
SAME_SHARE = 0.1


class Served(NamedTuple):
    """What the server has answered so far: how many requests, and how many seconds they took together."""

    engine: str
    requests: float
    seconds: float


def read(target: Target, model: str | None) -> Served | None:
    """Return what `/metrics` says of a model, of all models when None; None when it says nothing."""
    try:
        status, body = target.ask("/metrics")
        families = list(text_string_to_metric_families(body.decode())) if status == 200 else []
    except (Unanswered, ValueError):  # no such route, or another format
        return None
    samples = [
        sample
        for family in families
        for sample in family.samples
        if sample.name.startswith(DURATION) and _is_of(sample.labels.get("model", ""), model)
    ]
    if not samples:
        return None
    count, seconds = (
        sum(sample.value for sample in samples if sample.name == f"{DURATION}_{part}") for part in ("count", "sum")
    )
    return Served(samples[0].labels.get("engine", ""), count, seconds)


def in_flight(before: Served | None, after: Served | None, requests: int, elapsed_seconds: float) -> float | None:
    """Return the mean of `inference_requests_in_flight` between two looks, None where it cannot be told.

    By Little's law it is the time that the requests took together, over the time that passed: the mean over every
    moment, where the gauge itself is only known at the moments when it is read. requests: as many as we had answered;
    when the server counts others, it is not the only replica, or not ours alone.
    """
    if before is None or after is None or elapsed_seconds <= 0:
        return None
    counted = after.requests - before.requests
    if abs(counted - requests) > SAME_SHARE * requests:
        return None
    return (after.seconds - before.seconds) / elapsed_seconds


def _is_of(label: str, model: str | None) -> bool:
    """Whether a request with this label was one of the model's; probes and the like have an empty label."""
    return label == model if model else label != ""
