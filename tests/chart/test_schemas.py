"""The checks that the other tests rely on find what they are for."""

import copy

import pytest

from tests.chart.charts import Object
from tests.chart.pod_security import CLAUSES, violations
from tests.chart.schemas import problems

POD: Object = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "good"},
    "spec": {
        "securityContext": {"runAsNonRoot": True, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [
            {
                "name": "server",
                "image": "server:1",
                "resources": {"limits": {"memory": "1Gi", "cpu": 1}},
                "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
            }
        ],
    },
}
RAY: Object = {
    "apiVersion": "ray.io/v1",
    "kind": "RayService",
    "metadata": {"name": "ray"},
    "spec": {"rayClusterConfig": {"headGroupSpec": {"rayStartParams": {}, "template": {"spec": POD["spec"]}}}},
}
# What breaks each clause of the profile: a path into the pod's spec, and the value there.
BREAKS = {
    "_host_process": ("securityContext.windowsOptions", {"hostProcess": True}),
    "_host_namespaces": ("hostNetwork", True),
    "_privileged_containers": ("containers.0.securityContext.privileged", True),
    "_capabilities": ("containers.0.securityContext.capabilities", {"drop": ["ALL"], "add": ["NET_ADMIN"]}),
    "_volume_types": ("volumes", [{"name": "node", "hostPath": {"path": "/"}}]),
    "_host_ports": ("containers.0.ports", [{"containerPort": 80, "hostPort": 80}]),
    "_host_probes_and_lifecycle_hooks": ("containers.0.livenessProbe", {"httpGet": {"host": "10.0.0.1", "port": 80}}),
    "_apparmor": ("securityContext.appArmorProfile", {"type": "Unconfined"}),
    "_selinux": ("securityContext.seLinuxOptions", {"user": "system_u"}),
    "_proc_mount_type": ("containers.0.securityContext.procMount", "Unmasked"),
    "_seccomp": ("containers.0.securityContext.seccompProfile", {"type": "Unconfined"}),
    "_sysctls": ("securityContext.sysctls", [{"name": "kernel.msgmax", "value": "65536"}]),
    "_privilege_escalation": ("containers.0.securityContext.allowPrivilegeEscalation", True),
    "_running_as_non_root": ("securityContext.runAsNonRoot", None),
    "_running_as_non_root_user": ("containers.0.securityContext.runAsUser", 0),
}


def test_good_objects_pass():
    assert problems(POD) == problems(RAY) == violations(POD["spec"]) == []


def test_every_clause_has_what_breaks_it():
    assert [clause.__name__ for clause in CLAUSES] == list(BREAKS)


@pytest.mark.parametrize("clause", BREAKS)
def test_broken_clause_is_found(clause: str):
    pod = _with(POD, f"spec.{BREAKS[clause][0]}", BREAKS[clause][1])["spec"]

    assert {found.partition(":")[0] for found in violations(pod)} == {clause.removeprefix("_")}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("spec.containers.0.imagePullPolicy", "Sometimes"),
        ("spec.containers.0.resources.limits.memory", "1GB"),
        ("spec.nodeSelecto", {}),
        ("spec.containers", "server"),
        ("metadata.label", {}),
    ],
)
def test_misspelt_field_and_wrong_value_of_kubernetes_are_found(path: str, value: object):
    assert len(problems(_with(POD, path, value))) == 1


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("spec.rayClusterConfig.headGroupSpec.template.spec.containers.0.imagePull", "Always"),
        ("spec.rayClusterConfig.workerGroup", []),
        ("spec.serveConfigV2", {}),
        ("metadata.label", {}),
    ],
)
def test_misspelt_field_and_wrong_value_of_an_operator_are_found(path: str, value: object):
    assert len(problems(_with(RAY, path, value))) == 1


def test_kind_without_a_schema_is_a_problem():
    assert problems({"apiVersion": "v1", "kind": "Gadget"}) != []


def _with(found: Object, path: str, value: object) -> Object:
    """Return a copy with a value at a path of names and numbers; None takes it away."""
    made = copy.deepcopy(found)
    *way, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    part = made
    for step in way:
        part = part[step] if isinstance(step, int) else part.setdefault(step, {})
    if value is None:
        del part[last]
    else:
        part[last] = value
    return made
