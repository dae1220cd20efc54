"""No rule, alert or panel asks for a metric or a label that nobody has: a renamed one fails here first."""

import re
from itertools import groupby

import pytest

from tests.chart.queries import ANYTHING, Query, filled, kept_labels, operands, queries, rules, selectors
from tests.repo.test_metrics import CONTRACT

QUERIES = list(queries())
ENDINGS = {"histogram": ("_bucket", "_sum", "_count"), "counter": ("",), "gauge": ("",)}
# What the monitors add to a series, and on Ray the relabelling.
OF_THE_TARGET = {"namespace", "pod", "replica"}
OF_AN_AUTOSCALER = {"namespace", "horizontalpodautoscaler"}
OF_A_SCALER = {"namespace", "exported_namespace", "scaledObject", "metric", "scaler", "triggerIndex", "type"}
OF_RAY_SERVE = {"namespace", "pod", "deployment", "application"}
# Metrics of others that alerts and dashboards look at, with their labels: of Prometheus itself, of kube-state-metrics
# 2.18, of KEDA 2.20 (pkg/metricscollector/prommetrics.go), of Ray Serve 2.60.
FOREIGN = {
    "up": {"namespace", "pod", "engine"},
    "ALERTS": {"alertname", "alertstate", "severity", "namespace", "engine", "model", "pod"},
    "kube_deployment_spec_replicas": {"namespace", "deployment"},
    "kube_deployment_status_replicas_ready": {"namespace", "deployment"},
    "kube_pod_created": {"namespace", "pod"},
    "kube_pod_status_ready_time": {"namespace", "pod"},
    "kube_horizontalpodautoscaler_spec_max_replicas": OF_AN_AUTOSCALER,
    "kube_horizontalpodautoscaler_spec_min_replicas": OF_AN_AUTOSCALER,
    "kube_horizontalpodautoscaler_spec_target_metric": {*OF_AN_AUTOSCALER, "metric_name", "metric_target_type"},
    "kube_horizontalpodautoscaler_status_current_replicas": OF_AN_AUTOSCALER,
    "kube_horizontalpodautoscaler_status_desired_replicas": OF_AN_AUTOSCALER,
    "kube_horizontalpodautoscaler_status_target_metric": {*OF_AN_AUTOSCALER, "metric_name", "metric_target_type"},
    "kube_horizontalpodautoscaler_status_condition": {*OF_AN_AUTOSCALER, "condition", "status"},
    "keda_scaler_metrics_value": OF_A_SCALER,
    "keda_scaler_detail_errors_total": OF_A_SCALER,
    "ray_serve_autoscaling_target_replicas": OF_RAY_SERVE,
    "ray_serve_deployment_replica_healthy": {*OF_RAY_SERVE, "replica"},
}

every_query = pytest.mark.parametrize("query", QUERIES, ids=lambda query: f"{query.kind} {query.where}")


def own() -> dict[str, set[str]]:
    """Return the series of the contract, with their labels."""
    return {
        f"{name}{ending}": {*metric.labels, *OF_THE_TARGET, *(["le"] if ending == "_bucket" else [])}
        for name, metric in CONTRACT.items()
        for ending in ENDINGS[metric.kind]
    }


def recorded() -> dict[str, set[str]]:
    """Return what the rules record, with the labels that they leave and those that they set."""
    found: dict[str, set[str]] = {}
    for rule in rules():
        if "record" in rule:
            found[rule["record"]] = (kept_labels(rule["expr"]) - {"le"}) | rule.get("labels", {}).keys()
    return found


SERIES = {**own(), **recorded(), **FOREIGN}


@every_query
def test_metrics_and_labels_exist(query: Query):
    for selected in selectors(query.text):
        assert selected.name in SERIES, selected.name
        assert {matcher.name for matcher in selected.matchers.matchers} <= SERIES[selected.name]


@every_query
def test_labels_that_are_kept_and_shown_exist(query: Query):
    known = {label for selected in selectors(query.text) for label in SERIES[selected.name]}
    made = set(re.findall(r'label_replace\(.*?, "(\w+)", "\$', query.text, re.DOTALL)) | {"class"}

    assert kept_labels(query.text) <= known | made
    assert set(re.findall(r"{{(\w+)}}", query.legend)) <= known


def test_nothing_foreign_is_listed_that_nobody_looks_at():
    assert {selected.name for query in QUERIES for selected in selectors(query.text)} >= FOREIGN.keys()


def test_rules_record_each_name_once_for_each_of_its_labels():
    made = [(rule["record"], tuple(rule.get("labels", {}).items())) for rule in rules() if "record" in rule]

    assert [name for name, again in groupby(sorted(made)) if len(list(again)) > 1] == []


def test_recorded_names_are_of_the_project_and_dashboards_know_every_variable():
    assert [name for name in recorded() if not re.fullmatch(r"trivet:[a-z_]+:[a-z0-9_]+", name)] == []
    with pytest.raises(KeyError):
        filled("up{namespace=~'$nowhere'}", ANYTHING)


def test_a_renamed_metric_is_found():
    (selected,) = selectors("sum by (engine) (rate(inference_requests_count{model!=''}[5m])) > 0")

    assert selected.name not in SERIES


def test_operands_are_what_has_data_while_an_alert_is_silent():
    assert operands("sum(a) > 2 * 3 and max_over_time(b[5m]) < 4 unless (count(c == 1) or d)") == [
        "sum(a{})", "max_over_time(b{}[5m])", "count(c{})", "d{}",
    ]  # fmt: skip
