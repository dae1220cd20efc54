"""Releases as small as two cores need them, and a host of the gateway for each namespace."""

import http.client
from contextlib import closing
from typing import Any

from k8s.render import RELEASES
from tests.e2e.helm import Release
from tests.e2e.kube import Namespace
from tests.e2e.traffic import ANSWER_SECONDS, GATEWAY

ENGINES = ("fastapi", "bentoml", "ray")
# A server at rest takes next to nothing, and the CPU of a first start must not bring a second one.
SMALL = {
    "autoscaling": {"mode": "none"},
    "replicaCount": 1,
    "resources": {"requests": {"cpu": "50m", "memory": "160Mi"}},
}
# One worker with one replica: a second Ray has to fit beside it.
SMALL_RAY: dict[str, Any] = {
    "serve": {"num_replicas": 1},
    "clusterDeletionDelaySeconds": 10,
    "workers": {"cpu": {"replicas": 1, "resources": {"requests": {"cpu": "100m", "memory": "1Gi"}}}},
    "head": {"resources": {"requests": {"cpu": "100m", "memory": "1Gi"}}},
}
# Of a Ray, while others use the machine.
READY_SECONDS = 240
# So many connections in a row, since each thread of the gateway learns of a route by itself.
LEADS = 8


def release(namespace: Namespace, name: str) -> Release:
    """Return a release by the name that it has everywhere, not installed yet."""
    return Release(namespace, name, RELEASES[name])


def serve(namespace: Namespace, engine: str, **values: Any) -> Release:
    """Install an engine, until it is ready: the values of kind, small, and with these over them."""
    made = release(namespace, engine)
    made.apply(f"kind-{engine}", **{**(SMALL_RAY if engine == "ray" else SMALL), **values})
    if engine == "ray":  # Helm takes a RayService for ready until KubeRay says that it is not
        namespace.until_condition("rayservice", engine, "Ready", READY_SECONDS)
    return made


def route(namespace: Namespace, **weights: int) -> str:
    """Send a host of the namespace's own to its engines by weight, and return the host's name when it leads there."""
    host = f"{namespace.name}.example"
    engines = {name: {"enabled": name in weights, "weight": weights.get(name, 0)} for name in ENGINES}
    release(namespace, "gateway").apply("kind-gateway", hostnames=[host], engines=engines)
    namespace.until(lambda: all(leads(host) for _ in range(LEADS)), f"the gateway leads {host} to a server")
    return host


def leads(host: str) -> bool:
    """Whether the gateway leads a host to a ready server: it learns of a route a moment after Kubernetes does."""
    with closing(http.client.HTTPConnection(*GATEWAY, timeout=ANSWER_SECONDS)) as connection:
        connection.request("GET", "/v2/health/ready", headers={"Host": host})
        return connection.getresponse().status == http.client.OK
