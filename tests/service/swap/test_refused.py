"""What goes wrong with a new version, or around it: the old one serves on, and log, metric and index say why."""

import resource
import signal
import time
from typing import Any

import msgspec
import numpy as np
import pytest
from onnx import helper

from tests.service.metrics import value_of
from tests.service.server import Server
from tests.service.shapes import answer_of
from tests.service.swap.registry import BODY, NAME, V2, Registry, wrong_in
from tests.service.waiting import until
from tests.unit import onnx_models

# MLflow's own libraries warn of each other in this process.
pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.engine("fastapi")]

SAID_SECONDS = 90.0
# How long a look waits for a registry that takes the connection and says nothing.
LOOK_TIMEOUT_SECONDS = 10.0


class Followed:
    """A server, and the three places where it says why it stays at a version."""

    def __init__(self, server: Server, registry: Registry) -> None:
        self.server, self.registry = server, registry

    def serves_on(self, version: str, outcome: str, why: str) -> None:
        """Check that the version answers, and that the reason stands in the index, in the metric and in the log."""
        with self.server.client() as client:
            until(
                lambda: why in self._index(client)["reason"], SAID_SECONDS, lambda: f"{why}\n{self.server.log_text()}"
            )
            answer = answer_of(client.post(V2, json=BODY))
            assert (answer["model_version"], wrong_in(answer, self.registry.digests)) == (version, "")
            assert answer_of(client.get("/v2/health/ready"))["ready"]
            labels = {"model": NAME, "outcome": outcome}
            assert value_of(client, "inference_model_reloads_total", **labels) >= 1
        said = [line for line in self.server.lines() if line["event"] == "the model stays as it is"]
        assert [line["outcome"] for line in said if why in line["reason"]] == [outcome]

    def follows(self, version: str) -> None:
        """Check that the version is served by and by, and that nothing is wrong any more."""
        with self.server.client() as client:
            until(lambda: self._index(client) == self._ready(version), SAID_SECONDS, self.server.log_text)

    def _index(self, client: Any) -> Any:
        return answer_of(client.post("/v2/repository/index"))[0]

    def _ready(self, version: str) -> dict[str, str]:
        return {"name": NAME, "version": version, "state": "READY", "reason": ""}


@pytest.fixture(scope="module")
def following(mlflow_server, follow):
    """A server that follows a real MLflow server."""
    mlflow_server.registry.point("1")
    return Followed(follow(mlflow_server.registry), mlflow_server.registry)


@pytest.fixture
def registry(mlflow_server):
    """The same registry, with the alias at version 1."""
    mlflow_server.registry.point("1")
    return mlflow_server.registry


@pytest.fixture
def followed(following, registry):
    """The same server, once it serves version 1 and nothing is wrong."""
    following.follows("1")
    return following


def test_a_registry_over_http_is_followed(followed, registry):
    registry.point("2")

    followed.follows("2")


def test_a_corrupt_file_is_not_served_and_one_that_is_repaired_is(followed, registry, mlflow_server):
    version = registry.publish()
    file = mlflow_server.file_of(version)
    whole = file.read_bytes()
    file.write_bytes(whole[:-1])

    registry.point(version)

    followed.serves_on("1", "failed", f"version {version} cannot be fetched: models:/{NAME}/{version} is not what was")
    file.write_bytes(whole)
    followed.follows(version)


def test_a_wrong_digest_is_not_served(followed, registry):
    version = registry.publish()
    registry.client.set_model_version_tag(NAME, version, "trivet.digest", "0" * 64)

    registry.point(version)

    followed.serves_on("1", "failed", f"and {'0' * 64} was published")


def test_an_incompatible_signature_is_refused_and_the_next_version_is_served(followed, registry, tmp_path):
    compiled = onnx_models.labeller(tmp_path)
    version = registry.add(compiled, msgspec.structs.replace(compiled.manifest, name=NAME))

    registry.point(version)

    followed.serves_on("1", "refused", f"version {version} is not served: it does not take the input 'features'")
    registry.point("3")
    followed.follows("3")


def test_a_version_that_fails_its_warm_up_is_not_served(followed, registry, tmp_path):
    scaler = onnx_models.scaler(tmp_path)
    divides = [
        helper.make_node("ReduceSum", ["features", "axis"], ["prediction"], keepdims=0),
        # Makes two rows of one.
        helper.make_node("Mul", ["features", "factors"], ["probability"]),
    ]
    constants = {"axis": np.array([1]), "factors": np.ones((2, 3))}
    version = registry.add(onnx_models.write(tmp_path, scaler.manifest, divides, constants), scaler.manifest)

    registry.point(version)

    followed.serves_on("1", "failed", f"version {version} is not served: warm-up of 1 rows gave the shape [2, 3]")


def test_other_answers_to_its_own_sample_are_not_served(followed, registry):
    version = registry.publish(answers={"prediction": [9.0, 9.0], "probability": [[0.0] * 3] * 2})

    registry.point(version)

    followed.serves_on("1", "failed", "answers its own sample otherwise than when it was published")


def test_too_many_changed_answers_are_refused(followed, registry, tmp_path):
    compiled = onnx_models.scaler(tmp_path)
    negative = [
        helper.make_node("ReduceSum", ["features", "axis"], ["sum"], keepdims=0),
        helper.make_node("Neg", ["sum"], ["prediction"]),
        helper.make_node("Identity", ["features"], ["probability"]),
    ]
    version = registry.add(
        onnx_models.write(tmp_path, compiled.manifest, negative, {"axis": np.array([1])}), compiled.manifest
    )
    with followed.server.client() as client:
        for _ in range(4):
            answer_of(client.post(V2, json=BODY))

    registry.point(version)

    followed.serves_on("1", "refused", "rows otherwise, and at most 50% may change")


def test_a_full_disk_keeps_the_version_and_room_lets_the_next_in(followed, registry, tmp_path):
    process = followed.server.process.pid
    compiled = onnx_models.scaler(tmp_path, factor=10.0 ** (len(registry.digests) + 1))
    padded = msgspec.structs.replace(compiled.manifest, provenance={"padding": "x" * 300_000})
    version = registry.add(compiled, padded)
    # No file may grow beyond this, as on a disk that is full.
    resource.prlimit(process, resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
    try:
        registry.point(version)

        followed.serves_on("1", "failed", f"version {version} cannot be fetched")
    finally:
        resource.prlimit(process, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    followed.follows(version)


def test_a_registry_that_is_gone_changes_nothing_and_is_followed_when_it_is_back(followed, registry, mlflow_server):
    mlflow_server.stop()
    try:
        followed.serves_on("1", "unreachable", "the registry at 127.0.0.1 does not answer")
    finally:
        mlflow_server.start()

    registry.point("2")

    followed.follows("2")


def test_a_registry_that_hangs_changes_nothing_and_does_not_hold_up_the_end(follow, registry, mlflow_server):
    followed = Followed(follow(registry), registry)
    mlflow_server.signal(signal.SIGSTOP)
    try:
        followed.serves_on("1", "unreachable", "the registry at 127.0.0.1 does not answer")
        started = time.monotonic()
        followed.server.stop()
        assert time.monotonic() - started < LOOK_TIMEOUT_SECONDS
    finally:
        mlflow_server.signal(signal.SIGCONT)
