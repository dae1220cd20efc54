"""Who may open a connection to whom, by the NetworkPolicy objects of a cluster.

The rules are those of https://kubernetes.io/docs/concepts/services-networking/network-policies/ and of the API's
reference: policies only add up, and a pod that none of them selects in a direction is open in it. Not looked at: what
no policy can forbid (answers, a pod to itself, a node to its own pods), and Services, since policies see pods.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any

Object = Mapping[str, Any]


@dataclass(frozen=True)
class Port:
    """A port that a pod listens on. name: as the pod's container calls it."""

    number: int
    name: str = ""
    protocol: str = "TCP"


@dataclass(frozen=True)
class Place:
    """One end of a connection: pods that are alike, or, without a namespace, an address outside of the cluster.

    address: what an ipBlock sees. Whether it sees the addresses of pods as well is left to the network plugin; here it
    does, which is the answer that opens more.
    """

    name: str
    namespace: str | None
    labels: Mapping[str, str] = field(default_factory=dict)
    ports: tuple[Port, ...] = ()
    address: str = "10.244.0.1"


class Network:
    """The policies of a cluster, and the labels of its namespaces."""

    def __init__(self, policies: Iterable[Object], namespaces: Mapping[str, Mapping[str, str]]) -> None:
        self._policies = list(policies)
        # Every namespace has this label, set by the API server.
        self._namespaces = {
            name: {"kubernetes.io/metadata.name": name, **labels} for name, labels in namespaces.items()
        }

    def allows(self, source: Place, target: Place, port: Port) -> bool:
        """Whether source may open a connection to a port of target: both of them have to let it pass."""
        leaves = self._open("Egress", source, target, target, port)
        return leaves and self._open("Ingress", target, source, target, port)

    def _open(self, direction: str, pod: Place, other: Place, listener: Place, port: Port) -> bool:
        selecting = [policy for policy in self._policies if _selects(policy, direction, pod)]
        rules = [(policy, rule) for policy in selecting for rule in policy["spec"].get(direction.lower()) or ()]
        return not selecting or any(
            self._names_peer(rule.get("from" if direction == "Ingress" else "to"), other, policy)
            and _names_port(rule.get("ports"), listener, port)
            for policy, rule in rules
        )

    def _names_peer(self, peers: list[Object] | None, other: Place, policy: Object) -> bool:
        """Whether a rule names the other end; one without peers names everybody."""
        return not peers or any(self._is_peer(peer, other, policy) for peer in peers)

    def _is_peer(self, peer: Object, other: Place, policy: Object) -> bool:
        if "ipBlock" in peer:
            return _in_block(peer["ipBlock"], other.address)
        if other.namespace is None:
            return False
        if "namespaceSelector" in peer:
            here = matches(peer["namespaceSelector"], self._namespaces[other.namespace])
        else:
            here = other.namespace == policy["metadata"]["namespace"]
        return here and matches(peer.get("podSelector", {}), other.labels)


def matches(selector: Object, labels: Mapping[str, str]) -> bool:
    """Whether a label selector selects; an empty one selects everything."""
    wanted = selector.get("matchLabels") or {}
    return all(labels.get(key) == value for key, value in wanted.items()) and all(
        _meets(expression, labels) for expression in selector.get("matchExpressions") or ()
    )


def _meets(expression: Object, labels: Mapping[str, str]) -> bool:
    value = labels.get(expression["key"])
    match expression["operator"]:
        case "In":
            return value in expression["values"]
        case "NotIn":
            return value not in expression["values"]
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
    raise ValueError(f"{expression['operator']!r} is no operator of a label selector")


def _selects(policy: Object, direction: str, pod: Place) -> bool:
    spec = policy["spec"]
    return (
        direction in _types(spec)
        and policy["metadata"]["namespace"] == pod.namespace
        and matches(spec.get("podSelector", {}), pod.labels)
    )


def _types(spec: Object) -> list[str]:
    """Return the directions that a policy speaks of: what it says, or else ingress, and egress if it has such rules."""
    return spec.get("policyTypes") or ["Ingress", *(["Egress"] if spec.get("egress") else [])]


def _names_port(allowed: list[Object] | None, listener: Place, port: Port) -> bool:
    """Whether a rule names the port; one without ports names all of them."""
    return not allowed or any(_is_port(each, listener, port) for each in allowed)


def _is_port(allowed: Object, listener: Place, port: Port) -> bool:
    if allowed.get("protocol", "TCP") != port.protocol:
        return False
    wanted: str | int | None = allowed.get("port")
    if wanted is None:
        return True
    if isinstance(wanted, str):
        return port.number in _named(listener, wanted, port.protocol)
    return port.number in range(wanted, allowed.get("endPort", wanted) + 1)


def _named(listener: Place, name: str, protocol: str) -> Iterator[int]:
    return (port.number for port in listener.ports if (port.name, port.protocol) == (name, protocol))


def _in_block(block: Object, address: str) -> bool:
    within = ip_address(address)
    excepted = block.get("except") or ()
    return within in ip_network(block["cidr"]) and not any(within in ip_network(cidr) for cidr in excepted)
