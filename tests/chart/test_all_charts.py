"""What holds for every object of every chart: with its own values, those of its ci/, and each values file for it.

A chart's ci/ switches on what its own values and those for kind leave off.
"""

import re
from collections.abc import Iterator

import pytest

from k8s.helm import NAMESPACE
from tests.chart.charts import Object, Pod, Release, all_releases, is_hook, of_release, pods
from tests.chart.pod_security import containers, violations
from tests.chart.schemas import problems

RELEASES = all_releases()
LABEL = "app.kubernetes.io/"
# What keeps running, and is asked by a Service; a job or a test ends by itself.
SERVES = {"Deployment", "StatefulSet", "RayService"}
CLUSTER_WIDE = {"ClusterRole", "ClusterRoleBinding", "DeviceClass", "Namespace"}
MAX_NAME_CHARACTERS = 63
GPU = "nvidia.com/"
SECRET_NAME = re.compile(r"PASSWORD|TOKEN|SECRET|_KEY$|DATABASE_URL$")

every_release = pytest.mark.parametrize("release", RELEASES, ids=str)


@every_release
def test_objects_are_what_kubernetes_and_the_operators_take(release: Release):
    assert [(each["kind"], wrong) for each in of_release(release) for wrong in problems(each)] == []


@every_release
def test_pods_are_restricted(release: Release):
    assert [wrong for pod in pods(of_release(release)) for wrong in violations(pod.spec)] == []


@every_release
def test_root_file_systems_cannot_be_written_to(release: Release):
    # Ray writes its session below /tmp and nowhere else.
    assert _containers(release, lambda each: not each["securityContext"].get("readOnlyRootFilesystem")) == []


@every_release
def test_pods_hold_no_token_but_rays_autoscaler(release: Release):
    found = of_release(release)
    accounts = [each for each in found if each["kind"] == "ServiceAccount"]

    assert [
        each["metadata"]["name"] for each in accounts if each.get("automountServiceAccountToken") is not False
    ] == []
    assert [pod.labels for pod in pods(found) if _has_token(pod) and not _scales_ray(pod, found)] == []


@every_release
def test_pods_take_no_variables_from_services_beside_them(release: Release):
    """Such a variable is named after a Service, and one that begins with TRIVET_ would stop the server."""
    assert [pod.labels for pod in pods(of_release(release)) if pod.spec.get("enableServiceLinks") is not False] == []


@every_release
def test_images_have_a_version_and_are_not_pulled_again(release: Release):
    assert _containers(release, lambda each: not re.fullmatch(r".+:(?!latest$)[\w.-]+", each["image"])) == []
    assert _containers(release, lambda each: each.get("imagePullPolicy") != "IfNotPresent") == []


@every_release
def test_containers_say_what_they_need_and_how_much_memory_they_may_take(release: Release):
    assert (
        _containers(release, lambda each: not {"cpu", "memory"} <= each["resources"].get("requests", {}).keys()) == []
    )
    assert _containers(release, lambda each: "memory" not in each["resources"].get("limits", {})) == []


@every_release
def test_secrets_are_only_referred_to(release: Release):
    found = of_release(release)
    variables = [variable for pod in pods(found) for each in containers(pod.spec) for variable in each.get("env", ())]

    assert [each["metadata"]["name"] for each in found if each["kind"] == "Secret"] == []
    assert [one["name"] for one in variables if SECRET_NAME.search(one["name"]) and one.get("value")] == []


@every_release
def test_servers_are_probed(release: Release):
    """KubeRay adds Ray's own probes to a RayService's pods."""
    servers = [pod for pod in pods(of_release(release)) if pod.kind in SERVES - {"RayService"}]
    probes = {"startupProbe", "readinessProbe", "livenessProbe"}

    assert [each["name"] for pod in servers for each in pod.spec["containers"] if not probes <= each.keys()] == []


@every_release
def test_a_pod_has_a_gpu_exactly_if_it_may_run_on_the_gpu_pool(release: Release):
    for pod in pods(of_release(release)):
        limits = [name for each in containers(pod.spec) for name in each["resources"].get("limits", {})]
        claims = pod.spec.get("resourceClaims", [])
        asks = any(name.startswith(GPU) for name in limits) or bool(claims)
        tolerates = any(taint.get("key", GPU).startswith(GPU) for taint in pod.spec.get("tolerations", ()))
        selects = any(name.startswith(GPU) for name in pod.spec.get("nodeSelector", {}))

        assert asks == tolerates == selects, pod.labels


@every_release
def test_names_fit_and_objects_are_in_the_releases_namespace(release: Release):
    for each in of_release(release):
        assert len(each["metadata"]["name"]) <= MAX_NAME_CHARACTERS
        assert each["metadata"].get("namespace") == (None if each["kind"] in CLUSTER_WIDE else NAMESPACE), each["kind"]


@every_release
def test_objects_say_what_they_belong_to(release: Release):
    for each in of_release(release):
        labels = each["metadata"]["labels"]

        assert labels[f"{LABEL}instance"] == release.name
        assert labels[f"{LABEL}part-of"] == "trivet"
        assert {f"{LABEL}name", f"{LABEL}version"} <= labels.keys()
        if not is_hook(each):
            assert labels[f"{LABEL}name"] == release.chart
            assert labels[f"{LABEL}managed-by"] == "Helm"
            assert labels["helm.sh/chart"].startswith(f"{release.chart}-")


@every_release
def test_selectors_select_a_pod_that_serves_and_no_test(release: Release):
    found = of_release(release)
    servers = [pod.labels for pod in pods(found) if pod.kind in SERVES]
    others = [pod.labels for pod in pods(found) if pod.kind not in SERVES]

    for kind, selector in _selectors(found):
        assert any(selector.items() <= labels.items() for labels in servers), (kind, selector)
        assert not any(selector.items() <= labels.items() for labels in others), (kind, selector)


@every_release
def test_selectors_hold_nothing_that_an_upgrade_changes(release: Release):
    """A Deployment's selector cannot be changed."""
    kept = {f"{LABEL}name", f"{LABEL}instance"}

    for each in of_release(release):
        if each["kind"] in ("Deployment", "StatefulSet"):
            assert each["spec"]["selector"]["matchLabels"].keys() == kept


@every_release
def test_servers_talk_only_to_whom_a_policy_names(release: Release):
    found = of_release(release)
    closed = [
        each["spec"]["podSelector"].get("matchLabels", {})
        for each in found
        if each["kind"] == "NetworkPolicy" and set(each["spec"]["policyTypes"]) == {"Ingress", "Egress"}
    ]

    for pod in pods(found):
        if pod.kind in SERVES:
            assert any(selector.items() <= pod.labels.items() for selector in closed), pod.labels


@every_release
def test_disruption_budgets_hold_up_no_drain(release: Release):
    """A RayCluster's budget cannot say how many may be missing, so it says how many must stay: not all."""
    found = of_release(release)
    budgets = [each["spec"] for each in found if each["kind"] == "PodDisruptionBudget"]
    clusters = [each["spec"]["rayClusterConfig"] for each in found if each["kind"] == "RayService"]
    workers = sum(group.get("minReplicas", 0) for cluster in clusters for group in cluster["workerGroupSpecs"])

    assert [budget for budget in budgets if budget.get("maxUnavailable") in (0, "0%")] == []
    assert [budget for budget in budgets if budget.get("minAvailable", -1) >= workers] == []
    assert {budget.get("unhealthyPodEvictionPolicy") for budget in budgets} <= {"AlwaysAllow"}


def _containers(release: Release, wrong) -> list[str]:
    return [each["name"] for pod in pods(of_release(release)) for each in containers(pod.spec) if wrong(each)]


def _has_token(pod: Pod) -> bool:
    return pod.spec.get("automountServiceAccountToken") is not False


def _scales_ray(pod: Pod, found: list[Object]) -> bool:
    """Say whether this is a Ray head whose autoscaler asks Kubernetes for pods."""
    clusters = [each["spec"]["rayClusterConfig"] for each in found if each["kind"] == "RayService"]
    scaling = any(cluster.get("enableInTreeAutoscaling") for cluster in clusters)
    return scaling and pod.labels.get("ray.io/node-type") == "head"


def _selectors(found: list[Object]) -> Iterator[tuple[str, dict[str, str]]]:
    for each in found:
        spec = each.get("spec", {})
        if each["kind"] == "Service" and spec.get("selector"):
            yield "Service", spec["selector"]
        elif each["kind"] in ("Deployment", "StatefulSet", "PodDisruptionBudget"):
            yield each["kind"], spec["selector"]["matchLabels"]
        elif each["kind"] == "NetworkPolicy":
            yield "NetworkPolicy", spec["podSelector"].get("matchLabels", {})
    for pod in pods(found):
        for spread in pod.spec.get("topologySpreadConstraints", ()):
            yield "topologySpreadConstraints", spread["labelSelector"]["matchLabels"]
