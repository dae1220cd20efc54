"""The evaluator of NetworkPolicies, clause by clause of the API's reference, with policies made for it."""

from typing import Any

import pytest

from k8s.network import Network, Place, Port, matches

HTTP = Port(8000, "http")
SERVER = Place("server", "trivet", {"app": "server"}, (HTTP, Port(8000, "http", "UDP"), Port(9000, "metrics")))
NEIGHBOUR = Place("neighbour", "trivet", {"app": "client"})
STRANGER = Place("stranger", "elsewhere", {"app": "client"})
OUTSIDE = Place("outside", None, address="203.0.113.9")
NAMESPACES = {"trivet": {}, "elsewhere": {"team": "other"}}


def network(*specs: dict[str, Any], namespace: str = "trivet") -> Network:
    return Network([{"metadata": {"namespace": namespace}, "spec": spec} for spec in specs], NAMESPACES)


def callers(found: Network, port: Port = HTTP) -> list[str]:
    """Name those who may reach a port of the server."""
    return [place.name for place in (NEIGHBOUR, STRANGER, OUTSIDE) if found.allows(place, SERVER, port)]


def ingress(*peers: dict[str, Any], ports: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    return {"podSelector": {}, "ingress": [{"from": list(peers), "ports": ports or []}]}


def test_without_a_policy_everybody_may_call():
    assert callers(network()) == ["neighbour", "stranger", "outside"]


@pytest.mark.parametrize("selector", [{"matchLabels": {"app": "other"}}, {"matchLabels": {"app": "server", "x": "y"}}])
def test_a_policy_for_other_pods_changes_nothing(selector):
    assert callers(network({"podSelector": selector, "policyTypes": ["Ingress"]})) == [
        "neighbour", "stranger", "outside",
    ]  # fmt: skip


def test_a_policy_of_another_namespace_changes_nothing():
    assert len(callers(network({"podSelector": {}}, namespace="elsewhere"))) == 3


@pytest.mark.parametrize("spec", [{"policyTypes": ["Ingress"]}, {}, {"ingress": []}, {"ingress": None}])
def test_a_policy_without_rules_lets_nobody_in(spec):
    assert callers(network({"podSelector": {}, **spec})) == []


def test_an_empty_rule_lets_everybody_in():
    assert len(callers(network({"podSelector": {}, "ingress": [{}]}))) == 3


def test_policies_add_up():
    only_neighbours = ingress({"podSelector": {}})
    only_strangers = ingress({"namespaceSelector": {"matchLabels": {"team": "other"}}})

    assert callers(network({"podSelector": {}}, only_neighbours, only_strangers)) == ["neighbour", "stranger"]


def test_rules_of_one_policy_add_up():
    spec = {"ingress": [{"from": [{"podSelector": {}}]}, {"from": [{"ipBlock": {"cidr": "203.0.113.0/24"}}]}]}

    assert callers(network({"podSelector": {}, **spec})) == ["neighbour", "outside"]


def test_a_pod_selector_alone_means_the_policys_own_namespace():
    assert callers(network(ingress({"podSelector": {"matchLabels": {"app": "client"}}}))) == ["neighbour"]


def test_a_namespace_selector_alone_means_every_pod_there():
    assert callers(network(ingress({"namespaceSelector": {}}))) == ["neighbour", "stranger"]


def test_every_namespace_carries_its_name():
    named = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "elsewhere"}}}

    assert callers(network(ingress(named))) == ["stranger"]


def test_two_selectors_in_one_peer_mean_both():
    peer = {"namespaceSelector": {"matchLabels": {"team": "other"}}, "podSelector": {"matchLabels": {"app": "server"}}}

    assert callers(network(ingress(peer))) == []


def test_two_peers_mean_either():
    peers = ({"namespaceSelector": {"matchLabels": {"team": "other"}}}, {"podSelector": {"matchLabels": {"app": "x"}}})

    assert callers(network(ingress(*peers))) == ["stranger"]


def test_an_address_block_has_exceptions():
    block = {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"]}

    assert callers(network(ingress({"ipBlock": block}))) == ["outside"]


def test_an_address_block_takes_in_pods():
    assert len(callers(network(ingress({"ipBlock": {"cidr": "0.0.0.0/0"}})))) == 3


@pytest.mark.parametrize(
    ("ports", "reachable"),
    [
        ([{"port": 8000}], {8000}),
        ([{"port": "http"}], {8000}),
        ([{"port": "metrics"}], {9000}),
        ([{"port": "absent"}], set()),
        ([{"port": 8000}, {"port": "metrics"}], {8000, 9000}),
        ([{"port": 7000, "endPort": 8999}], {8000}),
        ([{"protocol": "TCP"}], {8000, 9000}),
        ([{"protocol": "UDP", "port": 8000}], set()),
        ([], {8000, 9000}),
    ],
)
def test_ports_are_named_by_number_name_range_and_protocol(ports, reachable):
    found = network(ingress({"podSelector": {}}, ports=ports))

    assert {port.number for port in SERVER.ports if port.protocol == "TCP" and callers(found, port)} == reachable


def test_protocols_are_apart():
    found = network(ingress({"podSelector": {}}, ports=[{"protocol": "UDP", "port": "http"}]))

    assert [callers(found, Port(8000, "http", protocol)) for protocol in ("TCP", "UDP")] == [[], ["neighbour"]]


def test_egress_rules_alone_also_close_the_ingress():
    found = network({"podSelector": {}, "egress": [{}]})

    assert callers(found) == []
    assert found.allows(SERVER, STRANGER, HTTP)


def test_policy_types_narrow_a_policy_to_one_direction():
    found = network({"podSelector": {}, "policyTypes": ["Egress"]})

    assert callers(found) == ["stranger", "outside"]  # the neighbour may not leave either
    assert not found.allows(SERVER, STRANGER, HTTP)


def test_both_ends_have_to_agree():
    to_server = {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"to": [{"podSelector": {}}]}]}

    assert network(to_server).allows(NEIGHBOUR, SERVER, HTTP)
    assert not network(to_server, {"podSelector": {"matchLabels": {"app": "server"}}}).allows(NEIGHBOUR, SERVER, HTTP)


def test_a_named_port_of_egress_is_the_listeners():
    spec = {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"ports": [{"port": "metrics"}]}]}

    assert network(spec).allows(NEIGHBOUR, SERVER, Port(9000, "metrics"))
    assert not network(spec).allows(NEIGHBOUR, SERVER, HTTP)


@pytest.mark.parametrize(
    ("operator", "values", "selected"),
    [
        ("In", ["a", "b"], [True, False, False]),
        ("NotIn", ["a", "b"], [False, True, True]),
        ("Exists", [], [True, True, False]),
        ("DoesNotExist", [], [False, False, True]),
    ],
)
def test_expressions_select(operator, values, selected):
    selector = {"matchExpressions": [{"key": "tier", "operator": operator, "values": values}]}

    assert [matches(selector, labels) for labels in ({"tier": "a"}, {"tier": "c"}, {})] == selected


def test_an_unknown_operator_is_refused():
    with pytest.raises(ValueError, match="'Gt' is no operator"):
        matches({"matchExpressions": [{"key": "tier", "operator": "Gt", "values": ["1"]}]}, {})
