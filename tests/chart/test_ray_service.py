"""What the chart ray-service promises beside what holds for every chart."""

import copy
from typing import Any

import pytest
import ray

from k8s.helm import values_of
from services.core.settings import Settings
from services.engines.ray import environment
from tests.chart.charts import Object, Pod, objects, one, pods, refusal

CHART = "ray-service"
AUTOSCALED = {"serve": {"autoscaling": {"max_replicas": 3}}}
SHARED_GPU = values_of("gpu-ray")
WORKER = {"app.kubernetes.io/name": CHART, "app.kubernetes.io/instance": "demo", "ray.io/node-type": "worker"}


def _cluster(values: Object | None = None) -> Object:
    found: Object = one(objects(CHART, values), "RayService")["spec"]["rayClusterConfig"]
    return found


def _group(values: Object | None = None, name: str = "cpu") -> Object:
    (found,) = [each for each in _cluster(values)["workerGroupSpecs"] if each["groupName"] == name]
    return found


def _ray_pods(values: Object | None = None) -> list[Pod]:
    return [pod for pod in pods(objects(CHART, values)) if pod.kind == "RayService"]


def _variables(pod: Pod) -> dict[str, Any]:
    return {each["name"]: each.get("value", each.get("valueFrom")) for each in pod.spec["containers"][0]["env"]}


def test_head_steers_and_holds_no_replica():
    head = _cluster()["headGroupSpec"]

    assert head["rayStartParams"] == {"num-cpus": "0", "dashboard-host": "0.0.0.0"}
    assert one(objects(CHART), "RayService")["spec"]["excludeHeadPodFromServeSvc"] is True


def test_ray_asks_for_a_token_unless_told_otherwise():
    assert _cluster()["authOptions"] == {"mode": "token"}
    assert _cluster({"authMode": "disabled"})["authOptions"] == {"mode": "disabled"}


def test_version_of_ray_is_the_locked_one():
    assert _cluster()["rayVersion"] == ray.__version__


def test_nothing_is_left_for_the_operator_to_write_into_the_object():
    """It adds its finalizer by writing the whole object, and Helm could then not apply a change without a conflict."""
    assert one(objects(CHART), "RayService")["metadata"]["finalizers"] == ["ray.io/rayservice-finalizer"]


def test_service_has_the_workers_of_every_cluster_and_not_the_head():
    service = one(objects(CHART), "Service")
    head, worker = (pod.labels for pod in _ray_pods())

    assert service["metadata"]["name"] == "demo"
    assert service["spec"]["ports"] == [{"name": "http", "port": 80, "targetPort": "serve"}]
    assert service["spec"]["selector"] == WORKER
    assert WORKER.items() <= worker.items()
    assert not WORKER.items() <= head.items()


def test_a_worker_is_ready_while_its_proxy_has_a_replica_and_does_not_drain():
    probe = _group()["template"]["spec"]["containers"][0]["readinessProbe"]

    assert probe["httpGet"] == {"path": "/-/healthz", "port": "serve"}


def test_pods_have_the_ports_and_labels_that_monitors_look_for():
    for pod in _ray_pods():
        ports = {each["name"]: each["containerPort"] for each in pod.spec["containers"][0]["ports"]}

        assert (ports["metrics"], ports["serve"]) == (8080, 8000)
        assert pod.labels["app.kubernetes.io/component"] == "ray"


def test_names_leave_room_for_what_kuberay_appends():
    """It makes SERVICE-XXXXX-serve-svc, a label of DNS."""
    found = objects(CHART, release="a" * 53)

    assert len(one(found, "RayService")["metadata"]["name"]) == 47
    assert "fullnameOverride" in refusal(CHART, {"fullnameOverride": "1st"})


def test_settings_secrets_and_registry_reach_head_and_workers():
    values = {
        "settings": {"max_body_bytes": 33554432, "log_redact": ["age", "name"]},
        "secrets": {"apiKeys": {"name": "keys", "key": "api"}},
        "registry": {"tokenSecret": {"name": "mlflow"}},
        "extraEnv": [{"name": "OMP_NUM_THREADS", "value": "1"}],
    }

    for pod in _ray_pods(values):
        variables = _variables(pod)

        assert variables["TRIVET_MODEL"] == "models:/iris-classifier@production"
        assert variables["TRIVET_MAX_BODY_BYTES"] == "33554432"
        assert variables["TRIVET_LOG_REDACT"] == "age,name"
        assert variables["TRIVET_API_KEYS_FILE"] == "/etc/trivet/apiKeys/api"
        assert variables["MLFLOW_TRACKING_URI"] == "http://mlflow.mlflow:5000"
        assert variables["MLFLOW_TRACKING_TOKEN"] == {"secretKeyRef": {"name": "mlflow", "key": "token"}}
        assert variables["OMP_NUM_THREADS"] == "1"
        assert {"name": "api-keys", "secret": {"secretName": "keys"}} in pod.spec["volumes"]
        assert {"api-keys", "tmp"} == {each["name"] for each in pod.spec["containers"][0]["volumeMounts"]}


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"header_timeout_seconds": 120.5, "max_header_bytes": 8_388_608},
        {"body_timeout_seconds": 300, "keep_alive_seconds": 5},
        {"keep_alive_seconds": 600},
    ],
)
def test_limits_of_the_proxy_lie_above_those_of_the_application(settings, tmp_path, monkeypatch):
    wanted = environment.own(Settings(**settings), tmp_path, haproxy=True)
    given = _variables(_ray_pods({"settings": settings})[0])
    names = {
        "HAPROXY_HEAD_TIMEOUT_MS",
        "RAY_SERVE_HAPROXY_TIMEOUT_CLIENT_S",
        "RAY_SERVE_HAPROXY_TUNE_BUFSIZE",
        "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S",
    }

    assert {name: given[name] for name in names} == {name: wanted[name] for name in names}


def test_a_registry_that_comes_up_late_is_waited_for():
    head, *_ = _ray_pods({})

    # A try takes about 13 s, and Ray's own number of them is three.
    assert int(_variables(head)["RAY_SERVE_MAX_PER_REPLICA_RETRY_COUNT"]) * 13 > 240


def test_a_pod_may_finish_what_is_in_flight_before_it_is_killed():
    for pod in _ray_pods({"drain": {"preStopSeconds": 7}, "serve": {"drain_seconds": 60.5}}):
        drain_seconds = int(_variables(pod)["RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S"])

        assert drain_seconds > 60.5
        assert pod.spec["terminationGracePeriodSeconds"] > 7 + drain_seconds
        if pod.labels["ray.io/node-type"] == "worker":
            assert pod.spec["containers"][0]["lifecycle"]["preStop"] == {"sleep": {"seconds": 7}}


def test_number_of_workers_is_fixed_or_rays_autoscalers():
    fixed = _group({"workers": {"cpu": {"replicas": 3}}, "serve": {"num_replicas": 3}})
    scaled = _group({**AUTOSCALED, "workers": {"cpu": {"minReplicas": 2, "maxReplicas": 5}}})

    assert (fixed["replicas"], fixed["minReplicas"], fixed["maxReplicas"]) == (3, 3, 3)
    assert (scaled.get("replicas"), scaled["minReplicas"], scaled["maxReplicas"]) == (None, 2, 5)
    assert "enableInTreeAutoscaling" not in _cluster()
    assert _cluster(AUTOSCALED)["enableInTreeAutoscaling"] is True


@pytest.mark.parametrize(
    "changed",
    [
        {"workers": {"cpu": {"replicas": 2}}},
        {"tolerations": [{"key": "pool", "operator": "Exists"}]},
        {"settings": {"log_level": "debug"}},
    ],
)
def test_what_changes_on_workers_changes_what_kuberay_compares(changed):
    assert _compared(_cluster(changed)) != _compared(_cluster())


@pytest.mark.parametrize(
    "changed", [{"serve": {"max_ongoing_requests": 100}}, {"serve": {"user_config": {"model": "/m"}}}]
)
def test_options_of_the_application_change_in_place(changed):
    assert _compared(_cluster(changed)) == _compared(_cluster())
    assert objects(CHART, changed) != objects(CHART)


def _compared(cluster: Object) -> Object:
    """Return what KubeRay 1.6 hashes, to see whether a new cluster is needed."""
    compared = copy.deepcopy(cluster)
    for group in [compared["headGroupSpec"], *compared["workerGroupSpecs"]]:
        for field in ("replicas", "minReplicas", "maxReplicas"):
            group.pop(field, None)
        group["template"]["spec"].pop("tolerations", None)
    return compared


def test_only_the_autoscalers_container_gets_a_token():
    cluster = _cluster(AUTOSCALED)
    head = cluster["headGroupSpec"]["template"]["spec"]
    where = "/var/run/secrets/kubernetes.io/serviceaccount"

    assert where in {each["mountPath"] for each in cluster["autoscalerOptions"]["volumeMounts"]}
    assert where not in {each["mountPath"] for each in head["containers"][0]["volumeMounts"]}
    assert head["automountServiceAccountToken"] is False
    assert "serviceAccountName" not in head
    assert not any("projected" in volume for pod in _ray_pods() for volume in pod.spec["volumes"])


def test_the_autoscalers_container_is_restricted_too():
    added = _cluster(AUTOSCALED)["autoscalerOptions"]

    assert (
        added["securityContext"] == _cluster()["headGroupSpec"]["template"]["spec"]["containers"][0]["securityContext"]
    )
    assert "/tmp" in {each["mountPath"] for each in added["volumeMounts"]}


def test_two_replicas_share_one_gpu():
    group = _group(SHARED_GPU, "gpu")
    pod = group["template"]["spec"]

    assert group["rayStartParams"] == {"num-cpus": "2", "num-gpus": "1"}
    assert pod["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == 1
    assert pod["nodeSelector"] == {"nvidia.com/gpu.present": "true"}
    assert pod["tolerations"][0]["key"] == "nvidia.com/gpu"
    assert pod["containers"][0]["image"].endswith("-cuda")
    assert _group(SHARED_GPU)["replicas"] == 0


def test_a_mig_slice_or_a_claim_takes_the_place_of_the_gpu():
    slices = _group({**SHARED_GPU, "gpu": {"enabled": True, "resourceName": "nvidia.com/mig-1g.5gb"}}, "gpu")
    claimed = {**SHARED_GPU, "gpu": {"enabled": True, "dra": {"enabled": True}}}
    pod = _group(claimed, "gpu")["template"]["spec"]
    claim = one(objects(CHART, claimed), "ResourceClaimTemplate")

    assert slices["template"]["spec"]["containers"][0]["resources"]["limits"]["nvidia.com/mig-1g.5gb"] == 1
    assert slices["rayStartParams"]["num-gpus"] == "1"
    assert pod["resourceClaims"] == [{"name": "gpu", "resourceClaimTemplateName": claim["metadata"]["name"]}]
    assert pod["containers"][0]["resources"]["claims"] == [{"name": "gpu"}]
    assert "nvidia.com/gpu" not in pod["containers"][0]["resources"]["limits"]


def test_budget_lets_one_of_several_workers_go():
    several = {"workers": {"cpu": {"replicas": 3}}}

    assert one(objects(CHART, several), "PodDisruptionBudget")["spec"]["minAvailable"] == 2
    assert one(objects(CHART, several), "PodDisruptionBudget")["spec"]["selector"]["matchLabels"] == WORKER
    assert [each for each in objects(CHART) if each["kind"] == "PodDisruptionBudget"] == []


def test_incremental_upgrades_hand_their_steps_over():
    values = {
        **AUTOSCALED,
        "upgradeStrategy": {"type": "NewClusterWithIncrementalUpgrade", "gatewayClassName": "contour"},
    }

    assert one(objects(CHART, values), "RayService")["spec"]["upgradeStrategy"] == {
        "type": "NewClusterWithIncrementalUpgrade",
        "clusterUpgradeOptions": {
            "gatewayClassName": "contour",
            "maxSurgePercent": 100,
            "stepSizePercent": 25,
            "intervalSeconds": 30,
        },
    }


@pytest.mark.parametrize(
    ("values", "remedy"),
    [
        ({"gpu": {"enabled": True}}, "set serve.num_gpus"),
        ({**SHARED_GPU, "gpu": {"enabled": True, "count": 0}}, "set gpu.count"),
        ({**SHARED_GPU, "gpu": {"enabled": True, "nodeSelector": None}}, "set gpu.nodeSelector"),
        ({"gpu": {"dra": {"enabled": True}}}, "needs gpu.enabled=true"),
        ({"nodeSelector": {"nvidia.com/gpu.present": "true"}}, "set gpu.enabled=true"),
        ({"tolerations": [{"operator": "Exists"}]}, "a toleration with another key"),
        ({"workers": {"cpu": {"resources": {"limits": {"nvidia.com/gpu": 1}}}}}, "set gpu.enabled=true"),
        ({**SHARED_GPU, "serve": {"num_replicas": 3, "num_gpus": 0.5}}, "raise workers.gpu.replicas"),
        ({**AUTOSCALED, "workers": {"cpu": {"minReplicas": 9}}}, "lower minReplicas"),
        ({"upgradeStrategy": {"type": "NewClusterWithIncrementalUpgrade"}}, "set serve.autoscaling"),
        ({**AUTOSCALED, "upgradeStrategy": {"type": "NewClusterWithIncrementalUpgrade"}}, "gatewayClassName"),
        ({"model": {"uri": "models:/iris/Production"}}, "set model.uri=models:/iris@production"),
        ({"registry": {"trackingUri": ""}}, "set registry.trackingUri"),
        ({"image": {"tag": "latest"}}, "set a version"),
        ({"settings": {"shadow": "models:/iris@next", "canary": "models:/iris@next"}}, "leave one of them empty"),
        ({"settings": {"database_url": "postgresql://a:b@c/d"}}, "set secrets.databaseUrl.name"),
        ({"extraEnv": [{"name": "TRIVET_MODEL", "value": "x"}]}, "set it under settings"),
        ({"replicaCount": 2}, "replicaCount"),
    ],
)
def test_contradictions_are_refused_with_what_to_set(values, remedy):
    assert remedy in refusal(CHART, values)


def test_variables_that_no_value_changes_are_left_to_the_image():
    assert not environment.FAST_PATH.keys() & _variables(_ray_pods()[0]).keys()
