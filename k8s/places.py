"""The pods that manifests make, as ends of connections, and the others that they have to do with."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from k8s.network import Network, Object, Place, Port

# What KubeRay puts on the pods of a RayService, beside the labels of their template.
RAY_LABELS = {"ray.io/is-ray-node": "yes", "ray.io/cluster": "ray-cluster"}

# Of the prerequisites, with the labels that their pods have where `make up` installs them.
GATEWAY = Place("gateway", "gateway", {"app": "envoy"}, (Port(8080, "http"),))
PROMETHEUS = Place("Prometheus", "monitoring", {"app.kubernetes.io/name": "prometheus"}, (Port(9090, "web"),))
KUBERAY = Place("KubeRay operator", "kuberay-system", {"app.kubernetes.io/component": "kuberay-operator"})
DNS = Place("DNS", "kube-system", {"k8s-app": "kube-dns"}, (Port(53, "dns", "UDP"), Port(53, "dns-tcp")))
# Everybody else. The API server listens on its node, so to a policy it is an address as any other.
NEIGHBOUR = Place("another pod of `trivet`", "trivet")
STRANGER = Place("any other pod", "default")
API = Place("Kubernetes API", None, ports=(Port(6443, "https"),), address="172.18.0.2")
INTERNET = Place("internet", None, ports=(Port(443, "https"),), address="203.0.113.9")
OTHERS = (GATEWAY, PROMETHEUS, KUBERAY, DNS, NEIGHBOUR, STRANGER, API, INTERNET)


def network(objects: Iterable[Object]) -> Network:
    """Return the network with the policies and the namespaces among the objects."""
    found = list(objects)
    policies = [each for each in found if each["kind"] == "NetworkPolicy"]
    named: dict[str, dict[str, str]] = {place.namespace: {} for place in OTHERS if place.namespace}
    described = {each["metadata"]["name"]: each["metadata"] for each in found if each["kind"] == "Namespace"}
    return Network(policies, named | {name: metadata.get("labels", {}) for name, metadata in described.items()})


def places(objects: Iterable[Object]) -> Iterator[Place]:
    """Yield the pods that the objects make, each template once, named after its object."""
    for each in objects:
        name, namespace = each["metadata"]["name"], each["metadata"].get("namespace", "")
        match each["kind"]:
            case "Pod":
                yield _place(name, namespace, each)
            case "Deployment" | "StatefulSet" | "Job":
                yield _place(name, namespace, each["spec"]["template"])
            case "RayService":
                yield from _ray(name, namespace, each["spec"]["rayClusterConfig"])


def _ray(name: str, namespace: str, cluster: Mapping[str, Any]) -> Iterator[Place]:
    head = {**RAY_LABELS, "ray.io/node-type": "head", "ray.io/group": "headgroup"}
    yield _place(f"{name} head", namespace, cluster["headGroupSpec"]["template"], head)
    for group in cluster["workerGroupSpecs"]:
        labels = {**RAY_LABELS, "ray.io/node-type": "worker", "ray.io/group": group["groupName"]}
        yield _place(f"{name} {group['groupName']} worker", namespace, group["template"], labels)


def _place(name: str, namespace: str, template: Object, labels: Mapping[str, str] | None = None) -> Place:
    ports = [
        Port(port["containerPort"], port.get("name", ""), port.get("protocol", "TCP"))
        for container in template["spec"]["containers"]
        for port in container.get("ports") or ()
    ]
    own = (template.get("metadata") or {}).get("labels") or {}
    return Place(name, namespace, {**own, **(labels or {})}, tuple(ports))
