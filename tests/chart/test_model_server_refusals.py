"""The chart model-server refuses values that contradict each other, and says what to set."""

import pytest

from services.core.settings import Settings
from tests.chart.charts import Object, refusal

CHART = "model-server"
HOURS = {"start": "0 8 * * *", "end": "0 18 * * *", "timezone": "Europe/Berlin", "replicas": 1}
GPU_ON = {"enabled": True}


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (
            {"model": {"uri": "models:/iris/Production"}},
            "names a stage, which MLflow has given up: set model.uri=models:/iris@production",
        ),
        ({"model": {"uri": "models:/a@b,models:/iris/Staging"}}, "models:/iris/Staging names a stage"),
        ({"model": {"uri": "runs:/1/model"}}, "names no model: set models:/NAME@ALIAS"),
        ({"registry": {"trackingUri": ""}}, "set registry.trackingUri"),
        ({"image": {"tag": "latest"}}, "image.tag latest says not which image runs: set a version"),
        ({"settings": {"database_url": "postgresql://u:p@db/log"}}, "holds a password: put the URL into a Secret"),
        ({"settings": {"shadow": "models:/iris@next", "canary": "models:/iris@next"}}, "leave one of them empty"),
        (
            {"settings": {"database_url": "sqlite:////tmp/log"}, "secrets": {"databaseUrl": {"name": "log"}}},
            "both name the prediction log: leave one of them empty",
        ),
        ({"autoscaling": {"minReplicas": 9}}, "minReplicas 9 is above maxReplicas 6: raise maxReplicas"),
        ({"replicaCount": 2}, "with autoscaling.mode hpa: set autoscaling.minReplicas, or mode none"),
        (
            {"replicaCount": 2, "autoscaling": {"mode": "keda"}},
            "with autoscaling.mode keda: set autoscaling.minReplicas",
        ),
        ({"resources": {"requests": {"cpu": None}}}, "set resources.requests.cpu"),
        ({"autoscaling": {"mode": "keda", "keda": {"fallbackReplicas": 7}}}, "above maxReplicas: lower it"),
        (
            {"autoscaling": {"mode": "keda", "keda": {"cron": [{**HOURS, "replicas": 7}]}}},
            "cron wants more replicas than maxReplicas: raise maxReplicas",
        ),
        ({"autoscaling": {"mode": "keda", "keda": {"scaleToZero": {"enabled": True}}}}, "set demandQuery to what"),
        ({"autoscaling": {"keda": {"forecast": {"enabled": True}}}}, "the mode is hpa: set autoscaling.mode=keda"),
        ({"gpu": {**GPU_ON, "count": 0}}, "set gpu.count to 1 or more, or gpu.enabled=false"),
        ({"gpu": {**GPU_ON, "tolerations": []}}, "set gpu.nodeSelector and gpu.tolerations"),
        ({"gpu": {"dra": {"enabled": True}}}, "gpu.dra.enabled needs gpu.enabled=true"),
        (
            {"gpu": {**GPU_ON, "resourceName": "nvidia.com/mig-1g.5gb", "dra": {"enabled": True}}},
            "gpu.resourceName asks the device plugin: set one of them",
        ),
        ({"resources": {"limits": {"nvidia.com/gpu": 1}}}, "set gpu.enabled=true and gpu.*"),
        ({"nodeSelector": {"nvidia.com/gpu.present": "true"}}, "set gpu.enabled=true and gpu.*"),
        ({"tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}]}, "onto the GPU pool: set gpu.enabled=true"),
        ({"tolerations": [{"operator": "Exists"}]}, "set gpu.enabled=true, or a toleration with another key"),
        ({"settings": {"request_timeout_seconds": 60}}, "60 s, a drain ends after 30 s: set drain.timeoutSeconds"),
        (
            {"drain": {"timeoutSeconds": 10}},
            "a request may take 30 s, a drain ends after 10 s: set drain.timeoutSeconds",
        ),
        (
            {"settings": {"request_timeout_seconds": 2, "batch_wait_seconds": 5}},
            "batch_wait_seconds leaves a request no time: set it below request_timeout_seconds",
        ),
        ({"rollout": {"progressDeadlineSeconds": 60}}, "ends before the 180 s that a start may take: raise it"),
        ({"rollout": {"maxSurge": 0}}, "can neither add nor take away a pod: set rollout.maxSurge"),
        (
            {"extraEnv": [{"name": "TRIVET_LOG_LEVEL", "value": "debug"}]},
            "hold TRIVET_LOG_LEVEL: set it under settings",
        ),
    ],
)
def test_contradiction_is_refused_with_its_remedy(values: Object, reason: str):
    assert reason in refusal(CHART, values)


@pytest.mark.parametrize(
    ("values", "where"),
    [
        ({"engin": "fastapi"}, "'engin' not allowed"),
        ({"engine": "ray"}, "/engine"),
        ({"autoscaling": {"minReplicas": 0}}, "/autoscaling/minReplicas"),
        ({"autoscaling": {"keda": {"cron": [{**HOURS, "start": "8:00"}]}}}, "/autoscaling/keda/cron/0/start"),
        ({"podDisruptionBudget": {"maxUnavailable": 0}}, "/podDisruptionBudget/maxUnavailable"),
        ({"resources": {"limit": {}}}, "/resources"),
        ({"settings": {"max_batch_row": 1}}, "'max_batch_row' not allowed"),
        ({"settings": {"max_batch_rows": 0}}, "/settings/max_batch_rows"),
        ({"settings": {"log_payloads": "some"}}, "/settings/log_payloads"),
    ],
)
def test_unknown_value_and_value_out_of_bounds_are_refused(values: Object, where: str):
    assert where in refusal(CHART, values)


@pytest.mark.parametrize("name", ["port", "home", "model", "tracking_token", "api_keys_file", "drain_wait_seconds"])
def test_setting_that_is_a_value_of_its_own_is_refused_under_settings(name: str):
    assert name in Settings.model_fields
    assert f"'{name}' not allowed" in refusal(CHART, {"settings": {name: "x"}})
