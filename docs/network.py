"""docs/network.md, made of the NetworkPolicies of the rendered manifests by the evaluator of k8s/network.py."""

from collections.abc import Iterator
from pathlib import Path

import yaml

from k8s.helm import render, values_of
from k8s.network import Network, Object, Place, Port
from k8s.places import INTERNET, OTHERS, network, places
from k8s.render import releases

PREREQUISITES = Path(__file__).parents[1] / "k8s" / "prerequisites"

HEAD = """\
# Network

Written by `make render` from the policies of the charts, with the values of `helm/values/kind-*.yaml`, and of
`k8s/prerequisites/`; change those.

Every pod of Trivet's is closed in both directions but for what it needs: `networkPolicy` in the charts' values turns
that off, names the namespaces of the gateway and of Prometheus, and adds rules. `k8s/network.py` decides who may open a
connection to whom, as the API's reference says, and `tests/chart/test_network.py` holds the table to what is wanted.

A policy is only as good as the network plugin that enforces it. Calico and Cilium do; kind's own does since 0.24. A
cluster from `make up` where no registry can be reached has a plain network that enforces none, so there the table says
what would pass, and nothing was tried.

## Who may talk to whom

| to | port | from |
| --- | --- | --- |
"""

FOOT = """
A port without a name stands for every port that the pod does not declare. The kubelet's probes always pass, and so do
answers. Where the API server's address is not known beforehand, a rule for it names the port alone.
"""

# No pod declares it.
UNDECLARED = Port(61000)


def page() -> str:
    """Return the page."""
    made = list(objects())
    return HEAD + "".join(f"{row}\n" for row in _rows(network(made), list(places(made)))) + FOOT


def objects() -> Iterator[Object]:
    """Yield every object of a cluster that `make deploy` made, pods of `helm test` included."""
    texts = [render(chart, values_of(f"kind-{name}"), release=name) for name, chart in releases().items()]
    texts += [file.read_text() for file in sorted(PREREQUISITES.glob("*.yaml"))]
    for text in texts:
        yield from (found for found in yaml.safe_load_all(text) if found and "kind" in found)


def _rows(policies: Network, inside: list[Place]) -> Iterator[str]:
    everybody = [*inside, *OTHERS]
    for target in everybody:
        ports = (*target.ports, UNDECLARED) if target in inside or target == INTERNET else target.ports
        for port in ports:
            # Between two of the others nothing of ours is asked.
            sources = [source for source in everybody if source in inside or target in inside]
            allowed = [each.name for each in sources if each is not target and policies.allows(each, target, port)]
            yield f"| {target.name} | {_told(port)} | {', '.join(allowed) or 'nobody'} |"


def _told(port: Port) -> str:
    if port == UNDECLARED:
        return "any other"
    return f"{port.number} {port.name}".strip() + (f"/{port.protocol}" if port.protocol != "TCP" else "")
