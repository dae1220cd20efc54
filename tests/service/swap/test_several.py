"""Several models in every process of a server: by list and by tag, each at its own alias."""

import msgspec
import pytest

from tests.service.metrics import samples_of
from tests.service.shapes import answer_of, error_of
from tests.service.swap.registry import NAME, Registry
from tests.service.waiting import until
from tests.unit import onnx_models

# MLflow's own libraries warn of each other in this process.
pytestmark = pytest.mark.filterwarnings("ignore")

KEY, VALUE = "trivet.serve", "edge"
TAGGED = f"models:/?{KEY}={VALUE}@production"
WORKERS = {"fastapi": 1, "bentoml": 2, "ray": 2}
# So many answers in a row are of every process.
IN_A_ROW = 40
FOLLOW_SECONDS = 90.0
ROW = {"inputs": [{"name": "features", "datatype": "FP64", "shape": [1, 3], "data": [1.0, 2.0, 3.0]}]}


class Models(Registry):
    """A registry of several models; each version multiplies by a factor of its own."""

    def add_version(self, name: str, factor: float) -> None:
        """Publish a version of a model, and let its alias name it."""
        folder = self._folder / f"{name}{factor}"
        folder.mkdir(parents=True)
        compiled = onnx_models.scaler(folder, factor=factor)
        version = self.add(compiled, msgspec.structs.replace(compiled.manifest, name=name))
        self.client.set_registered_model_alias(name, "production", version)

    def tag(self, name: str) -> None:
        """Let a server that looks for the tag serve the model."""
        self.client.set_registered_model_tag(name, KEY, VALUE)


@pytest.fixture
def registry(tmp_path_factory):
    """The models a, b and c, the first two with the tag."""
    made = Models(tmp_path_factory.mktemp("models"))
    for name, factor in (("a", 2.0), ("b", 3.0), ("c", 5.0)):
        made.add_version(name, factor)
    for name in "ab":
        made.tag(name)
    return made


def scaled(client, name):
    """Return the factor by which a model answers, or the status of its refusal."""
    reply = client.post(f"/v2/models/{name}/infer", json=ROW)
    if reply.status_code != 200:
        return reply.status_code
    (data,) = (output["data"] for output in reply.json()["outputs"] if output["name"] == "probability")
    return data[0]


def everywhere(client, name, expected):
    """Whether every process answers so; a connection of its own for each request may reach another one."""
    return all(scaled(client, name) == expected for _ in range(IN_A_ROW))


def test_tagged_models_come_follow_their_aliases_and_go_in_every_process(engine, registry, follow):
    server = follow(registry, uri=TAGGED, workers=WORKERS[engine], home=registry.home)
    with server.client(headers={"connection": "close"}) as client:
        until(lambda: everywhere(client, "a", 2.0) and everywhere(client, "b", 3.0), FOLLOW_SECONDS, "a and b answer")
        assert {entry["name"] for entry in answer_of(client.post("/v2/repository/index"))} == {"a", "b"}
        assert "/v2/models/NAME/infer" in error_of(client.post("/predict", json={"features": [1, 2, 3]}), 404)
        assert scaled(client, "c") == 404

        registry.tag("c")
        registry.add_version("b", 7.0)
        until(lambda: everywhere(client, "c", 5.0), FOLLOW_SECONDS, server.log_text)
        until(lambda: everywhere(client, "b", 7.0), FOLLOW_SECONDS, server.log_text)
        assert answer_of(client.get("/v2/health/ready"))["ready"]

        registry.client.delete_registered_model_tag("a", KEY)
        until(lambda: everywhere(client, "a", 404), FOLLOW_SECONDS, server.log_text)
        assert (everywhere(client, "b", 7.0), everywhere(client, "c", 5.0)) == (True, True)
        ready = {
            sample.labels["model"]: sample.value
            for sample in samples_of(client)
            if sample.name == "inference_model_ready"
        }
        assert ready == {"b": 1, "c": 1}


@pytest.mark.engine("fastapi")
def test_tags_are_looked_up_in_a_real_mlflow_server(mlflow_server, follow):
    registry = mlflow_server.registry
    registry.point("1")
    registry.client.set_registered_model_tag(NAME, KEY, VALUE)
    server = follow(registry, uri=TAGGED)
    with server.client() as client:
        assert scaled(client, NAME) == 10.0

        registry.client.set_registered_model_tag(NAME, KEY, "core")

        until(lambda: scaled(client, NAME) == 404, FOLLOW_SECONDS, server.log_text)


def test_two_entries_of_one_name_are_refused_at_start(start, engine, models, tmp_path):
    folder = models / "iris-classifier"
    server = start(f"iris-classifier,{folder}", wait="nothing")

    assert server.process.wait(60) == 3
    assert "are the same model 'iris-classifier', and a name is served once" in server.log_text()
