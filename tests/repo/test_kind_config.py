"""kind-config.yaml: nodes pinned by digest, a pool that only GPU pods may use, and ports of this machine only."""

import re
from typing import Any

import yaml

from tests.tools import ROOT

CONFIG: dict[str, Any] = yaml.safe_load((ROOT / "kind-config.yaml").read_text())
NODES: list[dict[str, Any]] = CONFIG["nodes"]
VALUES = ROOT / "k8s" / "prerequisites" / "values"
POOL_LABEL = {"nvidia.com/gpu.present": "true"}


def test_every_node_is_the_same_image_pinned_by_digest():
    (image,) = {node["image"] for node in NODES}

    assert re.fullmatch(r"kindest/node:v1\.35\.\d+@sha256:[0-9a-f]{64}", image)


def test_a_cpu_worker_can_be_drained_while_another_serves():
    roles = [node["role"] for node in NODES if node.get("labels") != POOL_LABEL]

    assert roles == ["control-plane", "worker", "worker"]


def test_the_gpu_pool_is_labelled_and_tainted():
    (pool,) = [node for node in NODES if node.get("labels") == POOL_LABEL]
    (patch,) = [yaml.safe_load(text) for text in pool["kubeadmConfigPatches"]]

    assert patch["kind"] == "JoinConfiguration"
    assert patch["nodeRegistration"]["taints"] == [
        {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}
    ]


def test_ports_are_reached_from_this_machine_only():
    mapped = {port["containerPort"]: port for node in NODES for port in node.get("extraPortMappings", ())}

    assert {inside: port["hostPort"] for inside, port in mapped.items()} == {30080: 8080, 30090: 9090, 30300: 3000}
    assert {port["listenAddress"] for port in mapped.values()} == {"127.0.0.1"}


def test_mapped_ports_are_those_that_the_charts_of_others_open():
    contour, prometheus = (yaml.safe_load((VALUES / f"{name}.yaml").read_text()) for name in ("contour", "prometheus"))
    (service,) = [each for each in prometheus["extraManifests"] if each["kind"] == "Service"]

    assert contour["envoy"]["service"]["nodePorts"]["http"] == 30080
    assert service["spec"]["ports"][0]["nodePort"] == 30090
    assert prometheus["grafana"]["service"]["nodePort"] == 30300
