"""Pods that ask for a GPU go where some are, wait with a reason when there are no more, and others stay away."""

import pytest

from tests.e2e.kube import Namespace, items
from tests.e2e.releases import serve

POOL = "nvidia.com/gpu.present=true"
GPU = "nvidia.com/gpu"
# The runtime of the image is the one for CPUs: the GPU is pretended.
GPU_VALUES = {"enabled": True, "imageTagSuffix": ""}
GPU_WORKER = {"cpu": {"replicas": 0}, "gpu": {"resources": {"requests": {"cpu": "100m", "memory": "1Gi"}}}}


@pytest.fixture
def pool() -> set[str]:
    """The names of the nodes with GPUs, which have one in all."""
    found = items("nodes", f"--selector={POOL}")
    assert sum(int(node["status"]["allocatable"].get(GPU, 0)) for node in found) == 1, "make gpu-capacity"
    return {node["metadata"]["name"] for node in found}


def test_a_gpu_pod_lands_on_the_gpu_pool_and_one_too_many_waits_with_a_reason(namespace: Namespace, pool: set[str]):
    server = serve(namespace, "fastapi", gpu=GPU_VALUES)
    (first,) = namespace.pods("fastapi")

    namespace.kubectl("scale", "deployment/fastapi", "--replicas=2")
    reason = namespace.until(lambda: unschedulable(namespace), "the second pod waits")

    assert first["spec"]["nodeName"] in pool
    assert f"Insufficient {GPU}" in reason
    server.uninstall()  # and with it the only GPU


def test_pods_without_a_gpu_never_land_on_the_gpu_pool(trivet: Namespace, pool: set[str]):
    ours = items("pods", "--all-namespaces", "--selector=app.kubernetes.io/part-of=trivet")

    others = [pod for pod in ours if GPU not in str(pod["spec"])]
    assert len(others) >= 3
    assert [pod["metadata"]["name"] for pod in others if pod["spec"].get("nodeName") in pool] == []


def test_two_ray_replicas_with_half_a_gpu_each_share_one(namespace: Namespace, pool: set[str]):
    serve(namespace, "ray", gpu=GPU_VALUES, workers=GPU_WORKER, serve={"num_gpus": 0.5, "num_replicas": 2})

    workers = [pod for pod in namespace.items("pods", "ray.io/node-type=worker") if GPU in str(pod["spec"])]
    (application,) = namespace.get("rayservice", "ray")["status"]["activeServiceStatus"]["applicationStatuses"].values()
    assert [pod["spec"]["nodeName"] in pool for pod in workers] == [True]
    assert {each["status"] for each in application["serveDeploymentStatuses"].values()} == {"HEALTHY"}


def unschedulable(namespace: Namespace) -> str:
    """Return why a pod of the release is not scheduled, if one is not."""
    for pod in namespace.pods("fastapi"):
        for condition in pod["status"].get("conditions", ()):
            if condition["type"] == "PodScheduled" and condition["status"] == "False":
                return condition["message"]
    return ""
