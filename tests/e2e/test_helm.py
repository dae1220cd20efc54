"""Every chart through its life: install, test, upgrade, roll back, uninstall; and as plain manifests."""

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from k8s.render import FOLDER, RELEASES
from tests.e2e.conftest import SECOND_TAG
from tests.e2e.helm import Release
from tests.e2e.kube import Namespace, Object, kubectl
from tests.e2e.releases import SMALL, release

SECOND_IMAGE = {"image": {"tag": SECOND_TAG}}
# What each is installed with, over the values of kind, and its upgrades. Ray's life is in test_ray_service.py.
LIVES: dict[str, list[dict[str, Any]]] = {
    "fastapi": [SMALL, SMALL | SECOND_IMAGE, SMALL | SECOND_IMAGE | {"settings": {"max_batch_rows": 16}}],
    "bentoml": [SMALL, SMALL | SECOND_IMAGE, SMALL | SECOND_IMAGE | {"settings": {"max_batch_rows": 16}}],
    "gateway": [{"hostnames": [f"{name}.example"]} for name in ("first", "second", "third")],
    "observability": [{"intervalSeconds": seconds} for seconds in (5, 10, 15)],
}
# Written by the cluster, or by who made the object, and not what the object says.
FOREIGN_METADATA = (
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "managedFields",
    "namespace",
    "finalizers",
)
FOREIGN_ANNOTATIONS = ("kubectl.kubernetes.io/", "meta.helm.sh/", "deployment.kubernetes.io/")
FOREIGN_SPEC = ("clusterIP", "clusterIPs")
# Only `make deploy` knows it: what the images' tag meant on the machine that it deployed from.
IMAGE_ID = "trivet-image"


@pytest.mark.parametrize("name", LIVES)
@pytest.mark.usefixtures("second_tag")
def test_a_release_goes_through_its_life_and_leaves_nothing(namespace: Namespace, name: str):
    made, seen = release(namespace, name), []
    for values in LIVES[name]:
        made.apply(f"kind-{name}", **values)
        seen.append(said(made))
    made.rollback()
    rolled_back = said(made)
    made.uninstall()

    assert all(one != other for one, other in itertools.pairwise(seen))
    assert rolled_back == seen[-2]
    namespace.until(lambda: not left(made), f"nothing is left of {name}")


@pytest.mark.parametrize("name", RELEASES)
def test_a_release_passes_its_own_test(trivet: Namespace, name: str):
    release(trivet, name).test()


@pytest.mark.parametrize("name", RELEASES)
def test_plain_manifests_make_the_objects_of_the_release(trivet: Namespace, namespace: Namespace, name: str):
    objects = [found for found in yaml.safe_load_all((FOLDER / f"{name}.yaml").read_text()) if found]
    here = yaml.safe_dump_all(moved(objects, namespace))

    namespace.kubectl("apply", "--filename=-", stdin=here)

    applied = essence(namespace, here)
    assert applied == essence(trivet, yaml.safe_dump_all(objects))
    for kind, object_name in applied:
        if kind == "Deployment":
            namespace.until_rolled_out(object_name)


def said(made: Release) -> dict[tuple[str, str], Object]:
    """Return what the objects of a release say on the cluster."""
    return essence(made.namespace, made.manifest())


def essence(namespace: Namespace, manifests: str) -> dict[tuple[str, str], Object]:
    """Return objects as the cluster has them, defaults included, without what differs for each by nature."""
    found = json.loads(namespace.kubectl("get", "--filename=-", "--output=json", stdin=manifests))
    return {(each["kind"], each["metadata"]["name"]): _essence(each) for each in found["items"]}


def left(made: Release) -> list[str]:
    """Name what is left of a release, of any kind that a namespace can hold."""
    kinds = kubectl("api-resources", "--namespaced", "--verbs=list,delete", "--output=name").split()
    selector = f"--selector=app.kubernetes.io/instance={made.name}"
    return made.namespace.kubectl("get", ",".join(kinds), selector, "--output=name").split()


def moved(objects: list[Object], namespace: Namespace) -> Iterator[Object]:
    for each in objects:
        yield {**each, "metadata": {**each["metadata"], "namespace": namespace.name}}


def _essence(found: Object) -> Object:
    metadata = {key: value for key, value in found["metadata"].items() if key not in FOREIGN_METADATA}
    annotations = metadata.pop("annotations", {})
    metadata["annotations"] = {k: v for k, v in annotations.items() if not k.startswith(FOREIGN_ANNOTATIONS)}
    spec = found.get("spec", {})
    rest = {key: value for key, value in found.items() if key not in ("status", "metadata", "spec")}
    own_spec = {key: value for key, value in spec.items() if key not in FOREIGN_SPEC}
    return {**rest, "metadata": metadata, "spec": _without_image_id(own_spec)}


def _without_image_id(found: Any) -> Any:
    """Return a spec whose pod templates say nothing of the image's id, however deep they stand in it."""
    if isinstance(found, list):
        return [_without_image_id(each) for each in found]
    if not isinstance(found, dict):
        return found
    own = {key: value for key, value in found.items() if not (key == "annotations" and set(value) == {IMAGE_ID})}
    return {key: _without_image_id(value) for key, value in own.items() if key != IMAGE_ID}
