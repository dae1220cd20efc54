"""A RayService through its life, under constant traffic where it has to go on."""

from collections.abc import Iterator

import pytest

from tests.e2e.helm import Release
from tests.e2e.kube import Namespace
from tests.e2e.releases import SMALL_RAY, route, serve
from tests.e2e.test_helm import left, said
from tests.e2e.traffic import Traffic

# A second Ray starts beside the first on two cores, and the first ends.
CHANGE_SECONDS = 300


@pytest.fixture(scope="module")
def served(shared_namespace: Namespace) -> Iterator[tuple[Release, str]]:
    """A RayService, and its host at the gateway."""
    yield serve(shared_namespace, "ray"), route(shared_namespace, ray=100)


def test_a_change_of_the_model_s_settings_and_its_rollback_restart_nothing(served: tuple[Release, str]):
    ray, host = served
    before, first, so_far = cluster(ray), said(ray), updates(ray)

    with Traffic(host):
        ray.apply("kind-ray", **SMALL_RAY | {"serve": {"num_replicas": 1, "user_config": {"max_batch_rows": 16}}})
        ray.namespace.until(lambda: updates(ray) > so_far, "Ray Serve has the change")
        second, so_far = said(ray), updates(ray)
        ray.rollback()
        ray.namespace.until(lambda: updates(ray) > so_far, "Ray Serve has the rollback")

    assert second != first
    assert said(ray) == first
    assert cluster(ray) == before


def test_an_upgrade_to_another_image_loses_no_request(served: tuple[Release, str], second_tag: str):
    ray, host = served

    with Traffic(host):
        ray.apply("kind-ray", **SMALL_RAY, image={"tag": second_tag}, wait=False)
        ray.namespace.until(
            lambda: images(ray) == {f"trivet-ray:{second_tag}"}, "the old pods are gone", CHANGE_SECONDS
        )


@pytest.mark.long
def test_a_rollback_to_another_image_loses_no_request(served: tuple[Release, str]):
    ray, host = served
    (before,) = images(ray)

    with Traffic(host):
        ray.rollback(wait=False)
        ray.namespace.until(lambda: before not in images(ray), "the old pods are gone", CHANGE_SECONDS)


def test_uninstalling_leaves_nothing(served: tuple[Release, str]):
    ray, _ = served

    ray.uninstall()

    ray.namespace.until(lambda: not left(ray), "nothing is left")


def cluster(ray: Release) -> str:
    """Name the RayCluster that serves."""
    status = ray.namespace.get("rayservice", ray.name)["status"]
    return str(status["activeServiceStatus"]["rayClusterName"])


def images(ray: Release) -> set[str]:
    """Name the images of all pods, also of those on their way out."""
    pods = ray.namespace.items("pods", "ray.io/is-ray-node=yes")
    return {container["image"] for pod in pods for container in pod["spec"]["containers"]}


def updates(ray: Release) -> int:
    """Return how often KubeRay has handed a configuration to Ray Serve."""
    events = [each for each in ray.namespace.items("events") if each["reason"] == "UpdatedServeApplications"]
    return sum(each["count"] for each in events)
