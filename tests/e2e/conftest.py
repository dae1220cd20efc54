"""The e2e tier: what `make deploy` put on the cluster, and releases of one's own in a fresh namespace for each test.

A failed test's report holds that of every namespace that was open at the time.
"""

import contextlib
import functools
import re
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from k8s.render import RELEASES
from tests.e2e.kube import CommandFailed, Namespace, kubectl, run
from tests.e2e.releases import ENGINES
from tests.e2e.report import describe
from tests.tools import ROOT, find_tool

TOOLS = ("kubectl", "helm", "kind", "docker")
SECOND_TAG = "dev2"
# The nodes have the images under their first tag; where one was built again since, its layers are copied.
LOAD_SECONDS = 300
OPEN = pytest.StashKey[list[Namespace]]()
# Of the namespaces whose pods may reach MLflow.
OURS = {"app.kubernetes.io/part-of": "trivet"}
# The version is the cluster's, so that what is refused does not change with the next one.
RESTRICTED = {
    f"pod-security.kubernetes.io/{mode}{what}": value
    for mode in ("enforce", "warn", "audit")
    for what, value in (("", "restricted"), ("-version", "v1.35"))
}


def pytest_configure(config: pytest.Config) -> None:
    config.stash[OPEN] = []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    ours = [item for item in items if item.path.parent == Path(__file__).parent]
    for item in ours:
        if reason := _missing():
            item.add_marker(pytest.mark.skip(reason=reason))


@functools.cache
def _missing() -> str | None:
    """Say what this tier lacks here, if anything."""
    for tool in TOOLS:
        if find_tool(tool) is None:
            return f"{tool} is not installed"
    try:
        # It drains nodes and pretends GPUs, which nobody wants on a cluster that others use.
        if not kubectl("config", "current-context").startswith("kind-"):
            return "kubectl names a cluster that is not kind's: kubectl config use-context kind-trivet"
        kubectl("get", "--raw=/readyz", "--request-timeout=10s")
    except CommandFailed:
        return "no cluster answers to kubectl: make up"
    return None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report = yield
    if report.failed:
        report.sections += [(f"namespace {each.name}", describe(each)) for each in item.config.stash[OPEN]]
    return report


@pytest.fixture(scope="session")
def trivet() -> Namespace:
    """The namespace of the releases that `make deploy` made; only to be looked at."""
    found = run("helm", "--namespace=trivet", "list", "--short").split()
    assert set(found) >= RELEASES.keys(), "make deploy"
    return Namespace("trivet")


@pytest.fixture(scope="session")
def second_tag() -> str:
    """The tag dev2 of the three images, which are the same in all but the name."""
    for engine in ENGINES:
        run("docker", "tag", f"trivet-{engine}:dev", f"trivet-{engine}:{SECOND_TAG}")
    load = ("make", f"--directory={ROOT}", "kind-load", f"TAG={SECOND_TAG}", f"IMAGES={' '.join(ENGINES)}")
    run(*load, seconds=LOAD_SECONDS)
    return SECOND_TAG


@pytest.fixture
def namespace(request: pytest.FixtureRequest) -> Iterator[Namespace]:
    """A namespace for one test."""
    with _fresh(request) as made:
        yield made


@pytest.fixture(scope="module")
def shared_namespace(request: pytest.FixtureRequest) -> Iterator[Namespace]:
    """A namespace for the tests of a file that only look, or leave things as they found them."""
    with _fresh(request) as made:
        yield made


@contextlib.contextmanager
def _fresh(request: pytest.FixtureRequest) -> Iterator[Namespace]:
    """Make a namespace that takes restricted pods only. It is deleted without waiting until it is gone."""
    theme = re.sub(r"[^a-z]+", "-", request.node.name.rpartition("/")[2].removeprefix("test_").removesuffix(".py"))
    made = Namespace(f"e2e-{theme[:30].strip('-')}-{secrets.token_hex(2)}")
    metadata = {"name": made.name, "labels": {**OURS, **RESTRICTED}}
    kubectl(
        "create", "--filename=-", stdin=yaml.safe_dump({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    )
    request.config.stash[OPEN].append(made)
    try:
        yield made
    finally:
        request.config.stash[OPEN].remove(made)
        kubectl("delete", "namespace", made.name, "--wait=false")
