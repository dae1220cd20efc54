"""Recording rules and alerts: what promtool says of them, their objectives, and that each alert says what to do."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from k8s.helm import CHARTS
from services.core.metrics import SECONDS_BUCKETS
from tests.chart.charts import Object, objects, one, refusal
from tests.chart.queries import groups, rules
from tests.tools import ROOT, find_tool

TESTS = sorted((Path(__file__).parent / "rules").glob("*.yaml"))
RUNBOOK = ROOT / "docs" / "alerts.md"
ALERTS = {rule["alert"]: rule for rule in rules() if "alert" in rule}
SEVERITIES = {"critical", "warning"}

every_alert = pytest.mark.parametrize("name", ALERTS)


def slo(**latency: float) -> Object:
    """Return values with another objective for latency."""
    return {"slo": {"latency": latency}}


def expressions(values: Object | None = None) -> str:
    """Return every expression of every rule and alert."""
    return "\n".join(rule["expr"] for group in groups(values) for rule in group["rules"])


@pytest.mark.needs("promtool")
def test_rules_and_alerts_do_what_their_tests_say(tmp_path):
    """The tests read rules.yaml beside them, which is what the cluster gets."""
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": groups()}))
    for test in TESTS:
        shutil.copy(test, tmp_path)

    promtool(tmp_path, "check", "rules", "rules.yaml")
    promtool(tmp_path, "test", "rules", *(test.name for test in TESTS))


@every_alert
def test_an_alert_says_how_bad_it_is_and_what_it_found(name: str):
    rule = ALERTS[name]
    annotations = rule["annotations"]

    assert re.fullmatch(r"Trivet[A-Z]\w+", name)
    assert rule["labels"]["severity"] in SEVERITIES
    assert annotations["summary"].endswith(".")
    assert "$value" in annotations["description"]
    assert "{{ $labels." in annotations["description"]
    assert "$(" not in yaml.safe_dump(rule)


@every_alert
def test_an_alert_has_a_section_that_says_what_it_means_and_what_to_do(name: str):
    page = RUNBOOK.read_text()
    sections = re.findall(rf"^## {name}\n(.*?)(?=^##)", f"{page}\n##", re.MULTILINE | re.DOTALL)

    assert ALERTS[name]["annotations"]["runbook_url"] == f"docs/alerts.md#{name.lower()}"
    assert len(sections) == 1
    assert len(sections[0].split()) > 30


def test_no_section_is_about_an_alert_that_is_not_there():
    assert set(re.findall(r"^## (Trivet\w+)$", RUNBOOK.read_text(), re.MULTILINE)) == ALERTS.keys()


@every_alert
def test_an_alert_is_seen_to_fire_and_to_be_silent(name: str):
    tried = [
        bool(case["exp_alerts"])
        for file in TESTS
        for test in yaml.safe_load(file.read_text())["tests"]
        for case in test.get("alert_rule_test", ())
        if case["alertname"] == name
    ]

    assert set(tried) == {True, False}


def test_each_recorded_name_is_tried():
    text = "".join(file.read_text() for file in TESTS)

    assert [rule["record"] for rule in rules() if "record" in rule and rule["record"] not in text] == []


def test_runbooks_are_where_the_values_say_and_labels_are_added():
    values = {"alerts": {"runbookUrl": "https://wiki.example/trivet", "labels": {"team": "models", "severity": "low"}}}
    found = {rule["alert"]: rule for group in groups(values) for rule in group["rules"] if "alert" in rule}

    assert found["TrivetTargetDown"]["annotations"]["runbook_url"] == "https://wiki.example/trivet#trivettargetdown"
    assert found["TrivetTargetDown"]["labels"] == {"severity": "warning", "team": "models"}


@pytest.mark.parametrize("bound", SECONDS_BUCKETS)
def test_a_threshold_may_be_any_bound_of_the_histogram(bound: float):
    assert f'le="{float(bound)!r}"' in expressions(slo(thresholdSeconds=bound))


def test_a_threshold_between_two_bounds_is_refused_with_the_bounds():
    assert "slo.latency.thresholdSeconds 0.3 is no bound of the histogram: set one of [0.0001,0.00025," in refusal(
        "observability", slo(thresholdSeconds=0.3)
    )


@pytest.mark.parametrize(("percent", "budget"), [(99.9, "0.001"), (99.95, "0.0005"), (99, "0.01"), (95, "0.05")])
def test_an_objective_becomes_a_budget(percent: float, budget: str):
    found = expressions({"slo": {"availability": {"objectivePercent": percent}}})

    assert f"trivet:errors:ratio_rate1h > 14.4 * {budget}\n" in found
    assert f"trivet:errors:ratio_rate6h > 6 * {budget}\n" in found


@pytest.mark.parametrize("percent", [94, 100])
def test_an_objective_that_no_rate_can_miss_or_meet_is_refused(percent: float):
    assert "objectivePercent" in refusal("observability", slo(objectivePercent=percent))


def test_alerts_without_the_rules_are_refused():
    assert "set rules.enabled=true, or alerts.enabled=false" in refusal("observability", {"rules": {"enabled": False}})


def test_groups_are_computed_as_often_as_metrics_come_but_those_of_long_windows():
    intervals = {group["name"]: group["interval"] for group in groups({"intervalSeconds": 10})}

    assert {name for name, interval in intervals.items() if interval != "10s"} == {"trivet.errors", "trivet.slow"}


def test_the_rule_that_scaling_reads_is_recorded_by_namespace_engine_and_model():
    (rule,) = [each for each in rules() if each.get("record") == "trivet:inflight:sum"]

    assert rule["expr"].startswith("max by (namespace, engine, model)")


def test_files_of_rules_name_no_objective_that_the_chart_does_not_fill_in():
    named = {
        name
        for folder in ("rules", "alerts")
        for file in (CHARTS / "observability" / folder).glob("*.yaml")
        for name in re.findall(r"\$\([^)]*\)", file.read_text())
    }
    made = yaml.safe_dump([each["spec"] for each in objects("observability") if each["kind"] == "PrometheusRule"])

    assert named
    assert [name for name in named if name in made] == []
    assert one(objects("observability"), "PrometheusRule", "demo-alerts")


def promtool(folder: Path, *arguments: Any) -> None:
    """Run promtool in a folder; fail with what it says."""
    program = find_tool("promtool")
    assert program
    ran = subprocess.run([program, *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
