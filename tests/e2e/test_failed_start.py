"""A model that cannot be served: the pod says why and never becomes ready, and those before it go on."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.helm import Release
from tests.e2e.kube import Namespace, Object, true
from tests.e2e.registry import Registry, forwarded
from tests.e2e.releases import SMALL, route, serve
from tests.e2e.traffic import Traffic
from tests.service.graphs import fragile

# Much shorter than the chart's, so that a rollout is given up while a test waits.
IMPATIENT = {"rollout": {"progressDeadlineSeconds": 20}, "probes": {"startup": {"failureThreshold": 8}}}


def unknown(registry: Registry, folder: Path) -> str:
    """A model that is not in the registry."""
    return "models:/e2e-unknown@production"


def altered(registry: Registry, folder: Path) -> str:
    """The example's files, under a digest that is not theirs."""
    version = registry.version("iris-classifier", "production")
    return registry.register("altered", version["source"], version["run_id"], digest="0" * 64)


def failing(registry: Registry, folder: Path) -> str:
    """A model that is all right, but fails on its own sample."""
    fragile(folder / "failing", index=7)
    return registry.upload("failing", folder / "failing")


# Each with what the server says of it.
FAULTS: dict[Callable[[Registry, Path], str], str] = {
    unknown: "answered 404 for models:/e2e-unknown@production",
    altered: "is not what was published",
    failing: "warm-up failed",
}


@pytest.fixture(scope="module")
def registry() -> Iterator[Registry]:
    with forwarded() as found:
        yield found


@pytest.fixture(scope="module", params=["fastapi", "bentoml"])
def served(request: pytest.FixtureRequest, shared_namespace: Namespace) -> Iterator[tuple[Release, str]]:
    """An engine that serves the example, and its host at the gateway."""
    engine = serve(shared_namespace, request.param)
    yield engine, route(shared_namespace, **{request.param: 100})
    engine.uninstall()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_model_that_cannot_be_served_is_told_and_the_old_pods_go_on(
    served: tuple[Release, str], registry: Registry, tmp_path: Path, fault: Callable[[Registry, Path], str]
):
    engine, host = served
    before = ready(engine)

    with Traffic(host):
        engine.apply(f"kind-{engine.name}", wait=False, **SMALL, model={"uri": fault(registry, tmp_path)})
        name, ended = engine.namespace.until(lambda: failed_start(engine), "a start has failed")
        lines = log_lines(engine, name)
        described = engine.namespace.kubectl("describe", "pod", name)
        serving = ready(engine)
        engine.rollback()

    message = ended["message"].strip()
    assert ended["exitCode"] == 1
    assert FAULTS[fault] in message
    assert [line["reason"] for line in lines if line["level"] == "error"] == [message]
    assert message in described
    assert serving == before
    assert ready(engine) == before


def test_a_rollout_that_stands_still_is_given_up(served: tuple[Release, str]):
    engine, host = served

    with Traffic(host):
        engine.apply(f"kind-{engine.name}", wait=False, **SMALL, **IMPATIENT, model={"uri": "models:/e2e-unknown/1"})
        engine.namespace.until(lambda: given_up(engine), "the rollout is given up")
        engine.rollback()


def failed_start(engine: Release) -> tuple[str, Object] | None:
    """Return the pod whose container was ended by itself, and how."""
    for pod in engine.namespace.pods(engine.name):
        for container in pod["status"].get("containerStatuses", ()):
            if ended := container["lastState"].get("terminated"):
                return pod["metadata"]["name"], ended
    return None


def given_up(engine: Release) -> bool:
    conditions = engine.namespace.get("deployment", engine.name)["status"]["conditions"]
    return any(each.get("reason") == "ProgressDeadlineExceeded" for each in conditions)


def log_lines(engine: Release, pod: str) -> list[Object]:
    """Return what the start that failed last logged."""
    return [json.loads(line) for line in engine.namespace.kubectl("logs", pod, "--previous").splitlines()]


def ready(engine: Release) -> set[str]:
    """Name the pods that serve."""
    return {pod["metadata"]["name"] for pod in engine.namespace.pods(engine.name) if true(pod, "Ready")}
