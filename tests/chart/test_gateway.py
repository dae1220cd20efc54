"""The chart gateway: what leads where, and what an API cannot say."""

from typing import Any

import pytest

from tests.chart.charts import Object, is_hook, objects, one, refusal
from tests.chart.schemas import problems

ENGINES = ("bentoml", "fastapi", "ray")


def engines(**values: Any) -> Object:
    return {
        "engines": {name: value if isinstance(value, dict) else {"weight": value} for name, value in values.items()}
    }


def route(values: Object | None = None) -> Object:
    """Return the HTTPRoute's spec."""
    spec: Object = one(objects("gateway", values), "HTTPRoute")["spec"]
    return spec


def rule(spec: Object, prefix: str) -> Object:
    """Return the rule of a path's prefix."""
    (found,) = [
        each for each in spec["rules"] if each["matches"] == [{"path": {"type": "PathPrefix", "value": prefix}}]
    ]
    return found


def weights(spec: Object) -> dict[str, int]:
    return {each["name"]: each["weight"] for each in rule(spec, "/")["backendRefs"]}


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_is_reached_by_its_name_and_does_not_see_it(engine):
    found = rule(route(), f"/{engine}")

    assert found["backendRefs"] == [{"name": engine, "port": 80}]
    assert found["filters"] == [
        {"type": "URLRewrite", "urlRewrite": {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}}}
    ]


def test_what_names_no_engine_is_shared_by_weight():
    spec = route(engines(fastapi=50, bentoml=25, ray=25))

    assert weights(spec) == {"fastapi": 50, "bentoml": 25, "ray": 25}
    assert "filters" not in rule(spec, "/")


def test_a_weight_of_zero_leaves_an_engine_reachable_by_its_name():
    spec = route(engines(fastapi=1, bentoml=0, ray=0))

    assert weights(spec)["bentoml"] == 0
    assert rule(spec, "/bentoml")


def test_an_engine_that_is_not_installed_is_nowhere():
    spec = route(engines(ray={"enabled": False, "weight": 5}))

    assert "ray" not in str(spec)
    assert len(spec["rules"]) == 3


@pytest.mark.parametrize("api", ["gateway", "ingress"])
@pytest.mark.parametrize("fastapi", [{"weight": 0}, {"weight": 1, "enabled": False}], ids=["weight 0", "not enabled"])
def test_weights_that_add_up_to_nothing_are_refused(api, fastapi):
    assert "set the weight of an enabled engine above 0" in refusal("gateway", {"api": api, **engines(fastapi=fastapi)})


@pytest.mark.parametrize("weight", [-1, 1_000_001, "1", 0.5])
def test_a_weight_is_what_the_api_takes(weight):
    assert "weight" in refusal("gateway", engines(fastapi=weight))


def test_the_gateway_waits_longer_than_the_servers():
    spec = route()

    assert {each["timeouts"]["request"] for each in spec["rules"]} == {"75s"}
    assert rule(route({"gateway": {"requestTimeoutSeconds": 0}}), "/")["timeouts"] == {"request": "0s"}


def test_route_names_its_gateways_and_hosts():
    spec = route({"hostnames": ["a.example"], "gateway": {"parentRefs": [{"name": "g", "sectionName": "web"}]}})

    assert spec["hostnames"] == ["a.example"]
    assert spec["parentRefs"] == [{"name": "g", "sectionName": "web"}]


def test_a_service_of_another_namespace_is_granted_by_name():
    found = objects("gateway", engines(ray={"namespace": "elsewhere"}, bentoml={"namespace": "trivet"}))
    grant = one(found, "ReferenceGrant")

    assert rule(one(found, "HTTPRoute")["spec"], "/ray")["backendRefs"][0]["namespace"] == "elsewhere"
    assert grant["metadata"]["namespace"] == "elsewhere"
    assert grant["spec"] == {
        "from": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": "trivet"}],
        "to": [{"group": "", "kind": "Service", "name": "ray"}],
    }
    assert problems(grant) == []


def test_grants_may_be_left_to_the_owners_of_the_services():
    values = {**engines(ray={"namespace": "elsewhere"}), "gateway": {"referenceGrants": False}}

    assert [each["kind"] for each in objects("gateway", values)] == ["HTTPRoute"]


def test_an_ingress_leads_to_the_engine_with_a_weight():
    values = {"api": "ingress", **engines(fastapi=0, ray=1), "hostnames": ["a.example", "b.example"]}
    found = objects("gateway", {**values, "ingress": {"className": "nginx", "tlsSecret": "certificate"}})
    ingress = one(found, "Ingress")

    assert problems(ingress) == []
    assert ingress["spec"]["ingressClassName"] == "nginx"
    assert ingress["spec"]["tls"] == [{"secretName": "certificate", "hosts": ["a.example", "b.example"]}]
    assert [each["host"] for each in ingress["spec"]["rules"]] == ["a.example", "b.example"]
    assert {each["http"]["paths"][0]["backend"]["service"]["name"] for each in ingress["spec"]["rules"]} == {"ray"}


def test_an_ingress_without_hosts_takes_every_host():
    (found,) = one(objects("gateway", {"api": "ingress"}), "Ingress")["spec"]["rules"]

    assert "host" not in found
    assert found["http"]["paths"][0]["path"] == "/"


@pytest.mark.parametrize(
    ("values", "remedy"),
    [
        (engines(fastapi=1, ray=1), "set the weights of all but one to 0, or api=gateway"),
        (engines(fastapi={"namespace": "elsewhere"}), "install the release there, or set api=gateway"),
        ({"ingress": {"tlsSecret": "certificate"}}, "set hostnames"),
    ],
    ids=["weights", "namespaces", "certificates"],
)
def test_what_an_ingress_cannot_say_is_refused_with_the_remedy(values, remedy):
    assert remedy in refusal("gateway", {"api": "ingress", **values})


def test_none_makes_nothing():
    assert objects("gateway", {"api": "none", "test": {"url": "http://envoy.gateway"}}) == []


def test_helm_test_asks_by_name_and_by_weight_through_the_gateway():
    values = {"test": {"url": "http://envoy.gateway"}, "hostnames": ["*.example"], **engines(ray={"enabled": False})}
    (pod,) = [each for each in objects("gateway", values) if is_hook(each)]
    program, *arguments = pod["spec"]["containers"][0]["args"]

    assert arguments == ["http://envoy.gateway", "/health", "/bentoml/health", "/fastapi/health"]
    assert '"Host", "any.example"' in program
    compile(program, "answers", "exec")


def test_without_an_address_there_is_nothing_to_test():
    assert [each for each in objects("gateway") if is_hook(each)] == []
