"""The chart observability: what is scraped, under which names, and what the rules record."""

import re
import shutil
from pathlib import Path

import helm_python
import pytest
import yaml

from k8s.helm import CHARTS, NAMESPACE, values_of
from tests.chart.charts import Object, is_hook, objects, one, refusal
from tests.tools import ROOT

CHART = CHARTS / "observability"


@pytest.mark.parametrize("engine", ["fastapi", "bentoml"])
def test_a_model_servers_service_is_scraped(engine):
    service = one(objects("model-server", values_of(f"kind-{engine}"), release=engine), "Service")
    monitor = one(objects("observability"), "ServiceMonitor")["spec"]
    (expression,) = monitor["selector"]["matchExpressions"]

    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert service["metadata"]["labels"][expression["key"]] in expression["values"]
    assert monitor["endpoints"][0]["port"] in [port["name"] for port in service["spec"]["ports"]]


def test_rays_relabelling_is_that_of_the_docs():
    text = (ROOT / "docs" / "metrics.md").read_text()
    documented = yaml.safe_load(re.search(r"^```yaml\n(metric_relabel_configs:.*?)^```", text, re.M | re.S)[1])  # type: ignore[index]
    (endpoint,) = one(objects("observability"), "PodMonitor")["spec"]["podMetricsEndpoints"]

    assert [
        {_snake(key): value for key, value in step.items()} for step in endpoint["metricRelabelings"]
    ] == documented["metric_relabel_configs"]


def test_monitors_look_into_the_releases_namespace_unless_told_otherwise():
    for kind in ("ServiceMonitor", "PodMonitor"):
        own, others = objects("observability"), objects("observability", {"monitors": {"namespaces": ["a", "b"]}})

        assert one(own, kind)["spec"]["namespaceSelector"] == {"matchNames": [NAMESPACE]}
        assert one(others, kind)["spec"]["namespaceSelector"] == {"matchNames": ["a", "b"]}


def test_monitors_and_rules_carry_the_label_that_prometheus_chooses_by():
    found = objects("observability", {"labels": {"release": "prometheus"}})

    assert {each["kind"] for each in found if each["metadata"]["labels"].get("release") == "prometheus"} == {
        "PodMonitor", "PrometheusRule", "ServiceMonitor",
    }  # fmt: skip


@pytest.mark.parametrize(("chart", "port"), [("model-server", "8000"), ("ray-service", "8080")])
def test_without_the_operator_annotations_say_where_metrics_are(chart, port):
    wanted = {"prometheus.io/scrape": "true", "prometheus.io/port": port, "prometheus.io/path": "/metrics"}
    found = pod_annotations(chart, {"scrapeAnnotations": True})

    assert all(wanted.items() <= annotations.items() for annotations in found)
    assert all("prometheus.io/scrape" not in annotations for annotations in pod_annotations(chart, {}))
    own = {"scrapeAnnotations": True, "podAnnotations": {"prometheus.io/path": "/other"}}
    assert {annotations["prometheus.io/path"] for annotations in pod_annotations(chart, own)} == {"/other"}


def test_up_names_the_engine_and_its_series_name_it_themselves():
    for kind, endpoints in (("ServiceMonitor", "endpoints"), ("PodMonitor", "podMetricsEndpoints")):
        (endpoint,) = one(objects("observability"), kind)["spec"][endpoints]

        assert endpoint["honorLabels"] is True
        assert endpoint["relabelings"] == [
            {"sourceLabels": ["__meta_kubernetes_pod_label_app_kubernetes_io_component"], "targetLabel": "engine"}
        ]


def test_kedas_operator_is_scraped_where_its_namespace_is_named():
    found = objects("observability", {"monitors": {"kedaNamespace": "scaling"}})
    monitor = one(found, "PodMonitor", "demo-keda")["spec"]

    assert monitor["namespaceSelector"] == {"matchNames": ["scaling"]}
    assert monitor["podMetricsEndpoints"][0]["honorLabels"] is True
    assert [each["metadata"]["name"] for each in objects("observability") if each["kind"] == "PodMonitor"] == [
        "demo-ray"
    ]


@pytest.mark.parametrize("kind", ["monitors", "rules", "alerts", "dashboards"])
def test_each_kind_can_be_left_out(kind):
    parts = {
        "monitors": {"PodMonitor demo-ray", "ServiceMonitor demo"},
        "alerts": {"PrometheusRule demo-alerts"},
        "rules": {"PrometheusRule demo", "PrometheusRule demo-alerts"},
        "dashboards": {"ConfigMap demo-on-call", "ConfigMap demo-engines", "ConfigMap demo-scaling"},
    }
    off = {each: {"enabled": False} for each in {kind, *(["alerts"] if kind == "rules" else [])}}
    named = [
        {f"{each['kind']} {each['metadata']['name']}" for each in objects("observability", values)}
        for values in ({}, off)
    ]

    assert parts[kind] <= named[0]
    assert named[0] - named[1] == parts[kind]


def test_an_interval_too_long_for_the_rules_is_refused():
    assert "intervalSeconds" in refusal("observability", {"intervalSeconds": 16})


def test_a_dashboard_in_the_folder_becomes_a_configmap(tmp_path):
    chart = Path(shutil.copytree(CHART, tmp_path / "observability"))
    (chart / "dashboards").mkdir(exist_ok=True)
    (chart / "dashboards" / "one.json").write_text('{"title": "{{ engine }}"}\n')

    with helm_python.Chart.load(str(chart)) as loaded:
        made = loaded.render({"dashboards": {"folder": "Serving"}}, name="demo", namespace=NAMESPACE)[
            "observability/templates/dashboards.yaml"
        ]
    (found,) = [each for each in yaml.safe_load_all(made) if each and "one.json" in each["data"]]

    assert found["metadata"]["name"] == "demo-one"
    assert found["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert found["metadata"]["annotations"] == {"grafana_folder": "Serving"}
    assert found["data"] == {"one.json": '{"title": "{{ engine }}"}\n'}


def test_helm_test_asks_prometheus_for_what_scaling_reads():
    (pod,) = [each for each in objects("observability", {"test": {"prometheusUrl": "http://p:9090"}}) if is_hook(each)]
    program, *arguments = pod["spec"]["containers"][0]["args"]

    assert arguments == ["http://p:9090", "trivet:inflight:sum"]
    compile(program, "recorded", "exec")


def _snake(name: str) -> str:
    return re.sub(r"([A-Z])", r"_\1", name).lower()


def pod_annotations(chart: str, values: Object) -> list[Object]:
    """Return the annotations of each kind of pod that a chart makes to serve."""
    found = objects(chart, values)
    templates = [each["spec"]["template"] for each in found if each["kind"] == "Deployment"]
    for each in found:
        if each["kind"] == "RayService":
            cluster = each["spec"]["rayClusterConfig"]
            groups = (cluster["headGroupSpec"], *cluster["workerGroupSpecs"])
            templates += [group["template"] for group in groups]
    assert templates
    return [template["metadata"].get("annotations", {}) for template in templates]
