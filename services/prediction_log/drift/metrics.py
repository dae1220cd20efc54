"""Drift as Prometheus metrics, in a file for node_exporter's textfile collector."""

from collections.abc import Sequence
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge, write_to_textfile

from services.prediction_log.drift.judge import Finding
from services.prediction_log.drift.run import Report

COLUMN_LABELS = ("model", "version", "kind", "feature")


def registry_of(report: Report, shown: Sequence[Finding]) -> CollectorRegistry:
    """Return the metrics of a report. shown: the columns to tell of; the sums are over all."""
    registry = CollectorRegistry()

    def gauge(name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"inference_drift_{name}", text, ("model", "version", *labels), registry=registry)

    psi = gauge("psi", "Population stability index of a column against the reference.", "kind", "feature")
    p_value = gauge(
        "p_value", "Chance of such a difference without drift, adjusted for all columns.", "kind", "feature"
    )
    detected = gauge("detected", "1 where a column drifted.", "kind", "feature")
    columns = gauge("columns", "Columns that drifted, of all.")
    rows = gauge("rows", "Rows of logged requests that were compared.")
    end = gauge("window_end_timestamp_seconds", "When the newest of them was answered.")
    whose = (report.model, report.version)
    columns.labels(*whose).set(len(report.drifted))
    rows.labels(*whose).set(report.rows)
    if report.last is not None:
        end.labels(*whose).set(report.last.timestamp())
    for finding in shown:
        if finding.psi is not None and finding.adjusted_p_value is not None:
            named = (*whose, finding.kind, finding.column)
            psi.labels(*named).set(finding.psi)
            p_value.labels(*named).set(finding.adjusted_p_value)
            detected.labels(*named).set(finding.verdict == "drift")
    _add_truth(report, registry)
    return registry


def write(path: Path, registry: CollectorRegistry) -> None:
    """Write the file in one step, as its readers need. Raises OSError."""
    write_to_textfile(str(path), registry)


def _add_truth(report: Report, registry: CollectorRegistry) -> None:
    texts = {
        "rows": ("inference_truth_rows", "Rows whose truth was told."),
        "accuracy": ("inference_truth_accuracy_ratio", "Share of them that was predicted right."),
        "mean_absolute_error": ("inference_truth_mean_absolute_error", "Mean distance of a predicted number."),
    }
    gauges = {key: Gauge(*text, ("model", "version"), registry=registry) for key, text in texts.items()}
    if report.truth is not None:
        for key, gauge in gauges.items():
            if (value := getattr(report.truth.total, key)) is not None:
                gauge.labels(report.model, report.version).set(value)
