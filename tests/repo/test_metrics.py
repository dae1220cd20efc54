"""The metrics: what the contract promises, what the code has, and what docs/metrics.md says are the same."""

import re
from datetime import UTC, datetime
from typing import NamedTuple

import pytest
from prometheus_client import CollectorRegistry

from services.core.metrics import Metrics
from services.prediction_log.drift.judge import Finding, Limits
from services.prediction_log.drift.metrics import registry_of
from services.prediction_log.drift.run import Report
from services.prediction_log.drift.truth import Accuracy, Bucket
from tests.tools import ROOT

NOW = datetime(2026, 11, 28, tzinfo=UTC)


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
    "inference_shadow_rows_total": _metric("counter", "model version outcome"),
    "inference_shadow_compute_duration_seconds": _metric("histogram", "model version"),
    "inference_shadow_score_difference": _metric("histogram", "model version"),
    "inference_start_duration_seconds": _metric("gauge"),
    "inference_log_written_total": _metric("counter"),
    "inference_log_dropped_total": _metric("counter"),
}
# What `trivet drift --metrics` writes.
WHOSE, COLUMN = frozenset({"model", "version"}), frozenset({"model", "version", "kind", "feature"})
DRIFT = {
    "inference_drift_psi": Metric("gauge", COLUMN),
    "inference_drift_p_value": Metric("gauge", COLUMN),
    "inference_drift_detected": Metric("gauge", COLUMN),
    "inference_drift_columns": Metric("gauge", WHOSE),
    "inference_drift_rows": Metric("gauge", WHOSE),
    "inference_drift_window_end_timestamp_seconds": Metric("gauge", WHOSE),
    "inference_truth_rows": Metric("gauge", WHOSE),
    "inference_truth_accuracy_ratio": Metric("gauge", WHOSE),
    "inference_truth_mean_absolute_error": Metric("gauge", WHOSE),
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
    made.for_shadow("m", "2")
    made.answered("m", "1", "/predict", "200", 0.001)
    made.refused("m", "queue_full")
    for name, labels in CHILDREN.items():
        getattr(made, name).labels("fastapi", *labels)
    return made


def test_code_has_the_metrics_of_the_contract(metrics):
    assert _of_code(metrics.registry) == CONTRACT


def test_drift_has_its_metrics():
    finding = Finding("x", "feature", "drift", 100, 100, 0, 0, "chi-square", 0.5, 9.0, 0.001, 0.002)
    total = Bucket(NOW, 9, 0.5, 0.1, 0.2)
    truth = Accuracy(total, 60.0, [total], [], {})
    report = Report("m", "1", "d", NOW, NOW, 1, 100, {}, False, Limits(), [finding], truth)

    registry = registry_of(report, [finding])

    assert _of_code(registry) == DRIFT
    assert [family.name for family in registry.collect() if not family.documentation.endswith(".")] == []


def test_page_lists_the_metrics_of_the_contract():
    text = (ROOT / "docs" / "metrics.md").read_text()
    rows = re.findall(r"^\| `(inference_\w+)` \| (\w+) \| ([^|]+) \| (.+) \|$", text, re.MULTILINE)

    assert {name: Metric(kind, frozenset(re.findall(r"`(\w+)`", labels))) for name, kind, labels, _ in rows} == {
        **CONTRACT,
        **DRIFT,
    }
    assert len(rows) == len(CONTRACT) + len(DRIFT)


def test_counters_whose_labels_are_known_begin_at_0():
    made = Metrics("fastapi")
    made.for_model("m")

    for outcome in ("swapped", "restored", "refused", "failed", "unreachable"):
        labels = {"engine": "fastapi", "model": "m", "outcome": outcome}
        assert made.registry.get_sample_value("inference_model_reloads_total", labels) == 0
    for reason in ("queue_full", "deadline"):
        labels = {"engine": "fastapi", "model": "m", "reason": reason}
        assert made.registry.get_sample_value("inference_refused_total", labels) == 0


def test_every_metric_explains_itself(metrics):
    assert [family.name for family in metrics.registry.collect() if not family.documentation.endswith(".")] == []


def _of_code(registry: CollectorRegistry) -> dict[str, Metric]:
    found = {}
    for family in registry.collect():
        if not family.name.startswith("inference_"):
            continue
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = frozenset(key for sample in family.samples for key in sample.labels) - {"le"}
        found[name] = Metric(family.type, labels)
    return found
