"""The metrics: what the contract promises, what the code has, and what docs/metrics.md says are the same."""

import re
from typing import NamedTuple

import pytest

from services.core.metrics import Metrics
from tests.tools import ROOT


class Metric(NamedTuple):
    """One metric as users see it."""

    kind: str
    labels: frozenset[str]


def _metric(kind: str, labels: str = "") -> Metric:
    return Metric(kind, frozenset(("engine", *labels.split())))


# The contract's table.
CONTRACT = {
    "inference_requests_total": _metric("counter", "model version route code"),
    "inference_request_duration_seconds": _metric("histogram", "model route"),
    "inference_queue_duration_seconds": _metric("histogram", "model"),
    "inference_compute_duration_seconds": _metric("histogram", "model"),
    "inference_batch_rows": _metric("histogram", "model"),
    "inference_requests_in_flight": _metric("gauge", "model"),
    "inference_queue_rows": _metric("gauge", "model"),
    "inference_refused_total": _metric("counter", "model reason"),
    "inference_model_ready": _metric("gauge", "model version"),
    "inference_model_info": _metric("gauge", "model version digest"),
    "inference_model_load_duration_seconds": _metric("histogram", "model"),
    "inference_model_reloads_total": _metric("counter", "model outcome"),
    "inference_start_duration_seconds": _metric("gauge"),
    "inference_log_written_total": _metric("counter"),
    "inference_log_dropped_total": _metric("counter"),
}
# Metrics whose labels are filled in while a server runs; here each gets one child, so that it shows its labels.
CHILDREN = {
    "model_ready": ("m", "1"),
    "model_info": ("m", "1", "d"),
    "model_load_seconds": ("m",),
    "model_reloads": ("m", "swapped"),
}


@pytest.fixture
def metrics() -> Metrics:
    made = Metrics("fastapi")
    made.for_model("m")
    made.answered("m", "1", "/predict", "200", 0.001)
    made.refused("m", "queue_full")
    for name, labels in CHILDREN.items():
        getattr(made, name).labels("fastapi", *labels)
    return made


def test_code_has_the_metrics_of_the_contract(metrics):
    assert _of_code(metrics) == CONTRACT


def test_page_lists_the_metrics_of_the_contract():
    text = (ROOT / "docs" / "metrics.md").read_text()
    rows = re.findall(r"^\| `(inference_\w+)` \| (\w+) \| ([^|]+) \| (.+) \|$", text, re.MULTILINE)

    assert {name: Metric(kind, frozenset(re.findall(r"`(\w+)`", labels))) for name, kind, labels, _ in rows} == CONTRACT
    assert len(rows) == len(CONTRACT)


def test_every_metric_explains_itself(metrics):
    assert [family.name for family in metrics.registry.collect() if not family.documentation.endswith(".")] == []


def _of_code(metrics: Metrics) -> dict[str, Metric]:
    found = {}
    for family in metrics.registry.collect():
        if not family.name.startswith("inference_"):
            continue
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = frozenset(key for sample in family.samples for key in sample.labels) - {"le"}
        found[name] = Metric(family.type, labels)
    return found
