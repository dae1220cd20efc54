"""Who may talk to whom on a cluster that `make deploy` made, as docs/network.md lists it."""

import pytest

from docs.network import UNDECLARED, objects
from k8s.network import Place, Port
from k8s.places import API, DNS, GATEWAY, INTERNET, KUBERAY, NEIGHBOUR, OTHERS, PROMETHEUS, STRANGER, network, places

MADE = list(objects())
POLICIES = network(MADE)
INSIDE = {place.name: place for place in places(MADE)}
EVERYBODY = (*INSIDE.values(), *OTHERS)
SERVERS = ("fastapi", "bentoml")
RAY = [name for name in INSIDE if name.startswith("ray ")]
DASHBOARD, STORE, CLIENT = Port(8265), Port(6379), Port(10001)


def callers(target: str, port: Port) -> set[str]:
    """Name those who may reach a port, besides pods of the same kind."""
    found = INSIDE[target]
    return {place.name for place in EVERYBODY if place is not found and POLICIES.allows(place, found, port)}


def named(target: str, name: str) -> Port:
    """Return the port of a pod that its container calls so."""
    (found,) = [port for port in INSIDE[target].ports if port.name == name]
    return found


def test_nobody_reaches_a_port_that_is_not_declared():
    between_rays = {(name, other) for name in RAY for other in RAY}

    reached = {(caller, name) for name in INSIDE for caller in callers(name, UNDECLARED)}

    assert reached - between_rays == set()


@pytest.mark.parametrize("server", SERVERS)
def test_a_server_answers_the_gateway_prometheus_and_its_own_test(server):
    assert callers(server, named(server, "http")) == {GATEWAY.name, PROMETHEUS.name, f"{server}-ready"}


def test_ray_answers_the_gateway_and_its_own_test_and_shows_prometheus_its_metrics():
    for name in RAY:
        others = set(RAY) - {name}
        assert callers(name, named(name, "serve")) - others <= {GATEWAY.name, KUBERAY.name, "ray-ready"}
        assert callers(name, named(name, "metrics")) - others == {PROMETHEUS.name}
    workers = [name for name in RAY if name != "ray head"]
    assert all(GATEWAY.name in callers(name, named(name, "serve")) for name in workers)


@pytest.mark.parametrize("port", [DASHBOARD, STORE, CLIENT, UNDECLARED], ids=lambda port: str(port.number))
def test_ray_s_head_and_workers_reach_each_other_on_every_port(port):
    assert len(RAY) >= 2
    assert all(POLICIES.allows(INSIDE[one], INSIDE[other], port) for one in RAY for other in RAY)


@pytest.mark.parametrize("port", [STORE, CLIENT, UNDECLARED], ids=lambda port: str(port.number))
def test_nobody_else_reaches_ray_s_own_ports(port):
    assert {caller for name in RAY for caller in callers(name, port)} <= set(RAY)


def test_of_others_only_kuberay_reaches_ray_s_dashboard():
    assert callers("ray head", DASHBOARD) - set(RAY) == {KUBERAY.name}


@pytest.mark.parametrize("server", [*SERVERS, *RAY])
def test_a_server_reaches_the_registry_but_not_its_database(server):
    assert POLICIES.allows(INSIDE[server], INSIDE["mlflow"], named("mlflow", "http"))
    assert not POLICIES.allows(INSIDE[server], INSIDE["postgres"], named("postgres", "postgres"))


def test_the_registry_reaches_its_database_and_nobody_else_does():
    assert callers("postgres", named("postgres", "postgres")) == {"mlflow"}


def test_what_helm_test_starts_reaches_what_it_tests():
    tested = {"gateway-answers": GATEWAY, "observability-recorded": PROMETHEUS}

    assert all(POLICIES.allows(INSIDE[name], place, place.ports[0]) for name, place in tested.items())


@pytest.mark.parametrize("place", [STRANGER, INTERNET, NEIGHBOUR], ids=lambda place: place.name)
def test_strangers_reach_no_server_and_no_database(place: Place):
    guarded = [each for name, each in INSIDE.items() if name in (*SERVERS, *RAY, "postgres")]

    assert [each.name for each in guarded for port in each.ports if POLICIES.allows(place, each, port)] == []


def test_nobody_of_ours_reaches_the_internet():
    assert [
        name for name, each in INSIDE.items() for port in INTERNET.ports if POLICIES.allows(each, INTERNET, port)
    ] == []


def test_only_ray_s_autoscaler_reaches_the_cluster_s_api():
    assert {name for name, each in INSIDE.items() if POLICIES.allows(each, API, API.ports[0])} <= {"ray head"}


@pytest.mark.parametrize("name", [*SERVERS, *RAY, "mlflow", "publish-iris"])
def test_whoever_connects_by_name_reaches_dns(name):
    assert all(POLICIES.allows(INSIDE[name], DNS, port) for port in DNS.ports)
