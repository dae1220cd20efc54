"""What the metrics say of the same requests: as many of each model, route and status on every engine."""

from collections import Counter

from tests.service.metrics import samples_of
from tests.service.server import Server

COUNTED = {
    "inference_requests_total",
    "inference_request_duration_seconds_count",
    "inference_refused_total",
    "inference_batch_rows_sum",
    "inference_model_reloads_total",
}
# Looking counts, too.
LOOKS = {"/metrics", "/v2/health/ready", "/v2/health/live"}

Counts = Counter[tuple[str, ...]]


def counts(server: Server) -> Counts:
    """Return the value of each counter by its name and labels, without the engine's."""
    found: Counts = Counter()
    with server.client() as client:
        for sample in samples_of(client):
            if sample.name in COUNTED and sample.labels.get("route") not in LOOKS:
                labels = [f"{name}={value}" for name, value in sorted(sample.labels.items()) if name != "engine"]
                found[sample.name, *labels] = int(sample.value)
    return found


def since(server: Server, before: Counts) -> Counts:
    """Return what was counted since then."""
    return counts(server) - before
