"""Pod security at its strictest, with no exception."""

import json

import pytest

from tests.e2e.conftest import RESTRICTED
from tests.e2e.kube import CommandFailed, Namespace, true

NAMESPACES = ("trivet", "mlflow")


@pytest.mark.usefixtures("trivet")
@pytest.mark.parametrize("name", NAMESPACES)
def test_a_namespace_takes_restricted_pods_only(name):
    labels = json.loads(Namespace(name).kubectl("get", "namespace", name, "--output=json"))["metadata"]["labels"]

    assert labels.items() >= RESTRICTED.items()


@pytest.mark.usefixtures("trivet")
@pytest.mark.parametrize("name", NAMESPACES)
def test_a_privileged_pod_is_refused(name):
    container = {"name": "any", "image": "trivet-fastapi:dev", "securityContext": {"privileged": True}}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "any"}, "spec": {"containers": [container]}}

    with pytest.raises(CommandFailed, match=r'violates PodSecurity "restricted:v1\.35": privileged'):
        Namespace(name).kubectl("create", "--dry-run=server", "--filename=-", stdin=json.dumps(pod))


def test_pods_of_every_release_run(trivet: Namespace):
    pods = trivet.items("pods", "app.kubernetes.io/part-of=trivet")

    assert {pod["metadata"]["labels"]["app.kubernetes.io/instance"] for pod in pods} >= {"fastapi", "bentoml", "ray"}
    trivet.until(lambda: all(true(pod, "Ready") for pod in running(trivet)), "every pod is ready")


def running(trivet: Namespace) -> list[dict]:
    """Return the pods that are to go on: not those that are done, or on their way out."""
    pods = trivet.items("pods", "app.kubernetes.io/part-of=trivet")
    return [p for p in pods if "deletionTimestamp" not in p["metadata"] and p["status"]["phase"] != "Succeeded"]
