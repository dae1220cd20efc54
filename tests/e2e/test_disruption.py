"""Whatever a cluster does to pods all day, under constant traffic: no answer but 200 and 429."""

import itertools
import time
from collections.abc import Callable, Iterator

import pytest

from tests.e2e.helm import Release
from tests.e2e.kube import Namespace, items, kubectl
from tests.e2e.releases import route, serve
from tests.e2e.traffic import Traffic

REPLICAS = 2
GPU_POOL = "nvidia.com/gpu.present"
LONG_SECONDS = 600


def rolling_update(engine: Release) -> None:
    """Replace every pod."""
    before = names(engine)
    engine.namespace.kubectl("rollout", "restart", f"deployment/{engine.name}")
    engine.namespace.until_rolled_out(engine.name)
    engine.namespace.until(lambda: not names(engine) & before, "no pod of before is left")


def scale_down(engine: Release) -> None:
    """Take the second pod away, and bring it back."""
    engine.namespace.kubectl("scale", f"deployment/{engine.name}", "--replicas=1")
    engine.namespace.until(lambda: len(names(engine)) == 1, "one pod is left")
    engine.namespace.kubectl("scale", f"deployment/{engine.name}", f"--replicas={REPLICAS}")
    engine.namespace.until_rolled_out(engine.name)


def pod_deletion(engine: Release) -> None:
    """Delete a pod, until it is gone and another in its place."""
    engine.namespace.kubectl("delete", "pod", min(names(engine)))
    engine.namespace.until_rolled_out(engine.name)


def drain(engine: Release) -> None:
    """Drain a CPU worker, but for the pods of others, and let it back."""
    node = node_to_drain()
    selector = f"--pod-selector=app.kubernetes.io/instance={engine.name},app.kubernetes.io/part-of=trivet"
    engine.namespace.until(lambda: node in nodes(engine), f"a replica is on {node}")
    try:
        kubectl("drain", node, "--ignore-daemonsets", "--delete-emptydir-data", selector, seconds=120)
        engine.namespace.until_rolled_out(engine.name)
        assert node not in nodes(engine)
    finally:
        kubectl("uncordon", node)


Disruption = Callable[[Release], None]
# The drain first: it wants the pods on different nodes, as they are after an install.
DISRUPTIONS: tuple[Disruption, ...] = (drain, rolling_update, scale_down, pod_deletion)


@pytest.fixture(scope="module", params=["fastapi", "bentoml"])
def served(request: pytest.FixtureRequest, shared_namespace: Namespace) -> Iterator[tuple[Release, str]]:
    """An engine with two replicas, and its host at the gateway."""
    engine = serve(shared_namespace, request.param, replicaCount=REPLICAS)
    yield engine, route(shared_namespace, **{request.param: 100})
    engine.uninstall()


@pytest.mark.parametrize("disrupt", DISRUPTIONS, ids=lambda disrupt: disrupt.__name__)
def test_a_disruption_loses_no_request(served: tuple[Release, str], disrupt: Disruption):
    engine, host = served

    with Traffic(host):
        disrupt(engine)


@pytest.mark.long
def test_ten_minutes_of_disruptions_lose_no_request(served: tuple[Release, str]):
    engine, host = served
    ends = time.monotonic() + LONG_SECONDS

    with Traffic(host):
        for disrupt in itertools.cycle((rolling_update, scale_down, pod_deletion)):
            disrupt(engine)
            if time.monotonic() > ends:
                break


def names(engine: Release) -> set[str]:
    """Name the pods, also those on their way out."""
    found = engine.namespace.items("pods", f"app.kubernetes.io/instance={engine.name}")
    return {pod["metadata"]["name"] for pod in found}


def nodes(engine: Release) -> set[str]:
    """Name the nodes of the pods that stay."""
    return {pod["spec"].get("nodeName") for pod in engine.namespace.pods(engine.name)}


def node_to_drain() -> str:
    """Name a CPU worker that does not hold the gateway."""
    workers = items("nodes", f"--selector=!{GPU_POOL},!node-role.kubernetes.io/control-plane")
    slices = items("endpointslices", "--namespace=gateway", "--selector=kubernetes.io/service-name=envoy")
    gateway = {endpoint["nodeName"] for each in slices for endpoint in each["endpoints"]}
    return min({worker["metadata"]["name"] for worker in workers} - gateway)
