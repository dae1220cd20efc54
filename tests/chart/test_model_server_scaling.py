"""The chart model-server: who decides how many replicas there are, where they run, and who may talk to them."""

import pytest

from tests.chart.charts import Object, objects, one

CHART = "model-server"
SCALERS = {"HorizontalPodAutoscaler", "ScaledObject"}


def scaled(mode: str, **values: object) -> list[Object]:
    return objects(CHART, {"autoscaling": {"mode": mode}, **values})


def keda(**values: object) -> Object:
    spec: Object = one(scaled("keda", autoscaling={"mode": "keda", "keda": values}), "ScaledObject")["spec"]
    return spec


def pod(values: Object) -> Object:
    spec: Object = one(objects(CHART, values), "Deployment")["spec"]["template"]["spec"]
    return spec


@pytest.mark.parametrize(
    ("mode", "scalers", "replicas"),
    [("none", set(), 1), ("hpa", {"HorizontalPodAutoscaler"}, None), ("keda", {"ScaledObject"}, None)],
)
def test_mode_decides_who_scales_and_nobody_else_names_replicas(mode: str, scalers: set[str], replicas: int | None):
    found = scaled(mode)

    assert {each["kind"] for each in found} & SCALERS == scalers
    assert one(found, "Deployment")["spec"].get("replicas") == replicas


def test_replica_count_counts_without_an_autoscaler_zero_too():
    assert one(scaled("none", replicaCount=3), "Deployment")["spec"]["replicas"] == 3
    assert one(scaled("none", replicaCount=0), "Deployment")["spec"]["replicas"] == 0


def test_hpa_looks_at_the_cpu_of_the_server_alone():
    spec = one(scaled("hpa"), "HorizontalPodAutoscaler")["spec"]

    (metric,) = spec["metrics"]
    assert metric["containerResource"] == {
        "name": "cpu",
        "container": "server",
        "target": {"type": "Utilization", "averageUtilization": 75},
    }
    assert spec["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "demo"}


def test_keda_scales_on_the_one_recording_rule_of_its_engine():
    triggers = one(scaled("keda", engine="bentoml"), "ScaledObject")["spec"]["triggers"]

    in_flight = triggers[0]["metadata"]
    assert in_flight["query"] == 'sum(trivet:inflight:sum{namespace="trivet",engine="bentoml"})'
    assert (triggers[0]["metricType"], in_flight["threshold"]) == ("AverageValue", "4")
    assert triggers[1]["type"] == "cpu"


def test_keda_never_scales_down_on_missing_data():
    spec = one(scaled("keda"), "ScaledObject")["spec"]

    assert spec["triggers"][0]["metadata"]["ignoreNullValues"] == "false"
    assert spec["fallback"] == {"failureThreshold": 3, "replicas": 2, "behavior": "currentReplicasIfHigher"}
    assert spec["minReplicaCount"] == 1


def test_keda_knows_the_load_of_the_clock():
    hours = {"start": "0 8 * * 1-5", "end": "0 18 * * 1-5", "timezone": "Europe/Berlin", "replicas": 3}

    cron = keda(cron=[hours])["triggers"][1]

    assert cron["type"] == "cron"
    assert cron["metadata"] == {**{key: hours[key] for key in ("start", "end", "timezone")}, "desiredReplicas": "3"}


def test_keda_looks_ahead_by_the_length_of_a_start_and_never_below_the_present():
    triggers = keda(forecast={"enabled": True})["triggers"]

    forecast = triggers[1]["metadata"]
    series = 'trivet:inflight:sum{namespace="trivet",engine="fastapi"}'
    start = 'scalar(max(trivet:cold_start_seconds:max{namespace="trivet",engine="fastapi"}) or vector(30))'
    ahead = f"sum(predict_linear({series}[600s], {start}))"
    assert forecast["query"] == f"clamp_max({ahead}, scalar(2 * sum({series}))) >= 0"
    assert forecast["threshold"] == triggers[0]["metadata"]["threshold"]
    assert triggers[0]["name"] == "in-flight"  # the greatest trigger counts


def test_keda_takes_the_last_replica_only_where_the_gateway_can_bring_it_back():
    spec = keda(scaleToZero={"enabled": True, "demandQuery": "rate(asked[1m])"})

    assert (spec["idleReplicaCount"], spec["minReplicaCount"], spec["cooldownPeriod"]) == (0, 1, 600)
    in_flight, demand, cpu = spec["triggers"]
    # With no server the series is not missing, it is 0.
    assert in_flight["metadata"]["query"].endswith(") or vector(0)")
    assert (demand["metadata"]["query"], demand["metadata"]["threshold"]) == ("sum(rate(asked[1m])) > bool 0", "1")
    assert cpu["type"] == "cpu"


def test_keda_can_be_told_to_leave_the_replicas_alone():
    found = scaled("keda", autoscaling={"mode": "keda", "keda": {"paused": True}})

    assert one(found, "ScaledObject")["metadata"]["annotations"] == {"autoscaling.keda.sh/paused": "true"}
    assert "annotations" not in one(scaled("keda"), "ScaledObject")["metadata"]


def test_both_scalers_behave_the_same():
    hpa = one(scaled("hpa"), "HorizontalPodAutoscaler")["spec"]["behavior"]
    keda = one(scaled("keda"), "ScaledObject")["spec"]["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]

    assert hpa == keda
    assert hpa["scaleDown"]["stabilizationWindowSeconds"] == 300


def test_gpu_brings_selector_toleration_limit_and_image_together():
    made = pod({"gpu": {"enabled": True, "count": 2}, "nodeSelector": {"zone": "a"}})
    (server,) = made["containers"]

    assert made["nodeSelector"] == {"nvidia.com/gpu.present": "true", "zone": "a"}
    assert made["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
    assert server["resources"]["limits"] == {"memory": "1Gi", "nvidia.com/gpu": 2}
    assert server["image"].endswith(":0.1.0-cuda")


@pytest.mark.parametrize("resource", ["nvidia.com/mig-1g.5gb", "nvidia.com/gpu.shared"])
def test_part_of_a_gpu_is_limited_by_its_own_name(resource: str):
    limits = pod({"gpu": {"enabled": True, "resourceName": resource}})["containers"][0]["resources"]["limits"]

    assert limits == {"memory": "1Gi", resource: 1}


def test_dynamic_allocation_claims_a_device_instead_of_a_limit():
    found = objects(CHART, {"gpu": {"enabled": True, "dra": {"enabled": True}}})
    made = one(found, "Deployment")["spec"]["template"]["spec"]
    (server,) = made["containers"]
    template = one(found, "ResourceClaimTemplate")

    assert made["resourceClaims"] == [{"name": "gpu", "resourceClaimTemplateName": template["metadata"]["name"]}]
    assert server["resources"]["claims"] == [{"name": "gpu"}]
    assert server["resources"]["limits"] == {"memory": "1Gi"}
    (request,) = template["spec"]["spec"]["devices"]["requests"]
    assert request["exactly"] == {"deviceClassName": "gpu.nvidia.com", "count": 1}


def test_replicas_are_spread_over_nodes_each_revision_by_itself():
    (spread,) = pod({})["topologySpreadConstraints"]

    assert (spread["topologyKey"], spread["whenUnsatisfiable"]) == ("kubernetes.io/hostname", "ScheduleAnyway")
    assert spread["matchLabelKeys"] == ["pod-template-hash"]


def test_only_gateway_monitoring_and_the_test_may_ask():
    (rule,) = one(objects(CHART), "NetworkPolicy")["spec"]["ingress"]

    assert rule["ports"] == [{"port": "http"}]
    assert namespaces(rule["from"]) == ["gateway", "monitoring"]
    (test,) = [peer["podSelector"]["matchLabels"] for peer in rule["from"] if "podSelector" in peer]
    assert test.items() <= one(objects(CHART), "Pod")["metadata"]["labels"].items()


@pytest.mark.parametrize(
    ("values", "allowed"),
    [
        ({}, {("kube-system", 53), ("mlflow", 5000)}),
        ({"model": {"uri": "/model"}}, {("kube-system", 53)}),
        ({"networkPolicy": {"registry": {"namespace": ""}}}, {("kube-system", 53)}),
        (
            {"secrets": {"databaseUrl": {"name": "log"}}, "networkPolicy": {"database": {"namespace": "data"}}},
            {("kube-system", 53), ("mlflow", 5000), ("data", 5432)},
        ),
    ],
)
def test_server_may_ask_only_what_it_needs(values: Object, allowed: set[tuple[str, int]]):
    rules = one(objects(CHART, values), "NetworkPolicy")["spec"]["egress"]

    assert {
        (name, port["port"]) for rule in rules for name in namespaces(rule["to"]) for port in rule["ports"]
    } == allowed


def test_more_rules_are_added_as_they_are():
    ingress, egress = {"from": [{"podSelector": {}}]}, {"to": [{"ipBlock": {"cidr": "192.0.2.0/24"}}]}
    policy = one(
        objects(CHART, {"networkPolicy": {"extraIngress": [ingress], "extraEgress": [egress]}}), "NetworkPolicy"
    )

    assert policy["spec"]["ingress"][-1] == ingress
    assert policy["spec"]["egress"][-1] == egress


@pytest.mark.parametrize("value", ["podDisruptionBudget", "networkPolicy"])
def test_object_goes_with_its_switch(value: str):
    kinds = {each["kind"].lower() for each in objects(CHART, {value: {"enabled": False}})}

    assert value.lower() not in kinds


def namespaces(peers: list[Object]) -> list[str]:
    selectors = [peer["namespaceSelector"]["matchLabels"] for peer in peers if "namespaceSelector" in peer]
    return [selector["kubernetes.io/metadata.name"] for selector in selectors]
