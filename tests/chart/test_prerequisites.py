"""What the charts need of others, and MLflow: pinned, restricted, closed, and without a secret."""

import re
from typing import Any

import pytest
import yaml

from tests.chart.charts import Object, objects, one, pods
from tests.chart.pod_security import containers, violations
from tests.chart.schemas import problems
from tests.tools import ROOT

FOLDER = ROOT / "k8s" / "prerequisites"
COLUMNS = ("release", "namespace", "chart", "version", "repository")
OURS = {"app.kubernetes.io/part-of": "trivet"}
OBJECTS: list[Object] = [
    found for file in sorted(FOLDER.glob("*.yaml")) for found in yaml.safe_load_all(file.read_text()) if found
]
IN_MLFLOW = [found for found in OBJECTS if found["metadata"].get("namespace") == "mlflow"]
# The setting under which a server of the charts looks for the registry.
REGISTRY = "http://mlflow.mlflow:5000"


def charts() -> list[dict[str, str]]:
    """Return the charts of others, as charts.tsv names them."""
    lines = (FOLDER / "charts.tsv").read_text().splitlines()
    return [dict(zip(COLUMNS, line.split("\t"), strict=True)) for line in lines if not line.startswith("#")]


@pytest.mark.parametrize("chart", charts(), ids=lambda chart: chart["release"])
def test_a_chart_of_others_is_pinned_and_has_values(chart):
    assert re.fullmatch(r"\d+\.\d+\.\d+", chart["version"])
    assert chart["repository"].startswith("https://")
    assert yaml.safe_load((FOLDER / "values" / f"{chart['release']}.yaml").read_text())


def test_the_page_names_the_charts_of_others_at_their_versions():
    page = (ROOT / "docs" / "kubernetes.md").read_text()
    rows = re.findall(r"^\| `([\w-]+)` \| `([\w-]+)` \| ([\d.]+) \|", page, re.MULTILINE)

    assert rows == [(chart["release"], chart["chart"], chart["version"]) for chart in charts()]


@pytest.mark.parametrize("found", OBJECTS, ids=lambda found: f"{found['kind']} {found['metadata']['name']}")
def test_objects_are_what_kubernetes_takes(found):
    assert problems(found) == []


def test_namespaces_of_ours_take_restricted_pods_only():
    namespaces = {
        each["metadata"]["name"]: each["metadata"]["labels"] for each in OBJECTS if each["kind"] == "Namespace"
    }

    assert namespaces.keys() == {"trivet", "mlflow"}
    for labels in namespaces.values():
        assert OURS.items() <= labels.items()
        for mode in ("enforce", "warn", "audit"):
            assert labels[f"pod-security.kubernetes.io/{mode}"] == "restricted"
            assert labels[f"pod-security.kubernetes.io/{mode}-version"] == "v1.35"


def test_pods_are_restricted_and_can_write_to_volumes_only():
    made = list(pods(IN_MLFLOW))

    assert len(made) == 3
    for pod in made:
        assert violations(pod.spec) == []
        assert pod.spec["automountServiceAccountToken"] is False
        assert all(each["securityContext"]["readOnlyRootFilesystem"] for each in containers(pod.spec))


def test_pods_take_no_variables_from_services_beside_them():
    """The Service mlflow would set MLFLOW_PORT, which MLflow takes for the port to listen on."""
    assert {pod.spec["enableServiceLinks"] for pod in pods(IN_MLFLOW)} == {False}


def test_no_secret_is_in_the_repository():
    variables = [
        variable for pod in pods(IN_MLFLOW) for each in containers(pod.spec) for variable in each.get("env", ())
    ]

    assert [each for each in OBJECTS if each["kind"] == "Secret"] == []
    assert [each["name"] for each in variables if "PASSWORD" in each["name"] and "value" in each] == []


def test_everything_in_the_namespace_is_closed_and_mlflow_open_to_namespaces_of_ours():
    default = one(IN_MLFLOW, "NetworkPolicy", "default-deny")["spec"]
    mlflow = one(IN_MLFLOW, "NetworkPolicy", "mlflow")["spec"]

    assert default == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    assert mlflow["ingress"] == [
        {"from": [{"namespaceSelector": {"matchLabels": OURS}}], "ports": [{"port": "http"}]},
    ]


def test_selectors_select_their_pods():
    labels = [pod.labels for pod in pods(IN_MLFLOW)]
    selectors = [each["spec"]["selector"] for each in IN_MLFLOW if each["kind"] == "Service"]
    selectors += [
        each["spec"]["podSelector"].get("matchLabels", {}) for each in IN_MLFLOW if each["kind"] == "NetworkPolicy"
    ]

    assert [each for each in selectors if not any(each.items() <= found.items() for found in labels)] == []


def test_servers_look_where_mlflow_answers():
    service = one(IN_MLFLOW, "Service", "mlflow")
    (server,) = one(IN_MLFLOW, "Deployment")["spec"]["template"]["spec"]["containers"]
    hosts = _variables(server)["MLFLOW_SERVER_ALLOWED_HOSTS"].split(",")

    assert f"{service['metadata']['name']}.mlflow:{service['spec']['ports'][0]['port']}" in hosts
    assert REGISTRY.removeprefix("http://") in hosts
    pod = one(objects("model-server"), "Deployment")["spec"]["template"]["spec"]
    assert _variables(pod["containers"][0])["MLFLOW_TRACKING_URI"] == REGISTRY


def _variables(container: Object) -> dict[str, Any]:
    return {each["name"]: each.get("value") for each in container["env"]}
