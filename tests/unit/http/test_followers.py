"""Several models in one server: lists, tags that come and go, failures beside what is served; over real ONNX models."""

import itertools
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from services.core import loaded_model
from services.core.compiled_model import CompiledModel
from services.core.errors import LoadFailed, NotFound
from services.core.metrics import Metrics
from services.core.settings import Settings
from services.http.app import Application, create_app
from services.registry.fetch import Current
from services.registry.selection import Selection
from tests.unit import onnx_models
from tests.unit.http.asgi import call
from tests.unit.parts import until

ADMIN = {"x_api_key": "admin-secret"}
ROW = b'{"features":[1,2,3]}'
V2 = b'{"inputs":[{"name":"features","datatype":"FP64","shape":[1,3],"data":[1,2,3]}]}'


class Source:
    """One model of a registry that a test writes down."""

    is_followed = True

    def __init__(self, registry: "Registry", name: str) -> None:
        self._registry, self.name, self.uri = registry, name, f"models:/{name}@production"
        self.watch_interval_seconds = registry.interval_seconds

    def find(self, *, refresh: bool) -> CompiledModel:
        return self.obtain(self.current())

    def current(self) -> Current:
        if self.name not in self._registry.models:
            raise LoadFailed(f"{self.uri} is not in the registry")
        model = self._registry.models[self.name]
        return Current(self.name, model.version, model.digest)

    def obtain(self, now: Current) -> CompiledModel:
        return self._registry.models[now.name]

    def remember(self, model: CompiledModel) -> None:
        pass


class Registry(Selection):
    """A selection of one tag. models: what is registered. tag: the names that have it."""

    interval_seconds = 0.0
    watch_interval_seconds = 0.0
    has_tags = True
    named = ()

    def __init__(self, *models: CompiledModel) -> None:
        self.models = {model.manifest.name: model for model in models}
        self.tag = list(self.models)
        self.unreachable: Exception | None = None

    def tagged(self, *, refresh: bool) -> list[Any]:
        if self.unreachable:
            raise self.unreachable
        return [Source(self, name) for name in self.tag]


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., CompiledModel]:
    """Make the scaler under any name."""

    def make(name: str, version: str = "1", factor: float = 10.0) -> CompiledModel:
        compiled = onnx_models.scaler(tmp_path_factory.mktemp(name), version=version, factor=factor)
        manifest = msgspec.structs.replace(compiled.manifest, name=name)
        (compiled.folder / "model.json").write_bytes(msgspec.json.encode(manifest))
        return onnx_models.compiled_model.read(compiled.folder, version=version, expected_digest=None)

    return make


@pytest.fixture
async def start(tmp_path: Path, no_thread_left: None) -> AsyncIterator[Callable[..., Any]]:
    """Start applications, without a prediction log, over a registry or what the settings name."""
    (tmp_path / "keys").write_text("root:admin-secret\n")
    made: list[Application] = []

    async def make(selection: Selection | None = None, **settings: Any) -> Application:
        given = Settings(home=tmp_path / "home", database_url="", admin_keys_file=tmp_path / "keys", **settings)
        made.append(create_app(given, Metrics("fastapi"), selection))
        await made[-1].server.start()
        await until(lambda: made[-1].server.health.status != "starting", 60)
        return made[-1]

    yield make
    for app in made:
        await app.server.stop()


async def index(app: Application, body: bytes = b"") -> dict[str, tuple[str, str]]:
    listed = (await call(app, "/v2/repository/index", body)).json()
    return {entry["name"]: (entry["state"], entry["reason"]) for entry in listed}


async def status(app: Application, path: str, body: bytes = b"", method: str = "GET", **headers: str) -> int:
    return (await call(app, path, body, method, **headers)).status


async def ready(app: Application) -> bool:
    return await status(app, "/v2/health/ready") == 200


async def test_a_list_is_served_whole_and_predict_asks_which(start, named):
    app = await start(model=f"{named('a').folder},{named('b', factor=100.0).folder}")

    answers = [await call(app, f"/v2/models/{name}/infer", V2) for name in "ab"]
    assert [answer.json()["outputs"][1]["data"] for answer in answers] == [[10, 20, 30], [100, 200, 300]]
    assert await index(app) == {"a": ("READY", ""), "b": ("READY", "")}
    refused = await call(app, "/predict", ROW)
    assert (refused.status, "/v2/models/NAME/infer" in refused.json()["error"]) == (404, True)
    assert await ready(app)


async def test_the_default_model_answers_predict_and_its_example(start, named):
    app = await start(model=f"{named('a').folder},{named('b').folder}", default_model="b")

    assert (await call(app, "/predict", ROW)).headers["model-name"] == "b"
    document = (await call(app, "/openapi.json", method="GET")).json()
    example = document["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]["example"]
    assert len(example["features"]) == 3


async def test_a_model_that_fails_keeps_the_server_unready_and_not_the_others(start, named, tmp_path):
    app = await start(model=f"{named('a').folder},{tmp_path / 'nothing'}")

    listed = await index(app)
    assert (listed["a"], listed["nothing"][0]) == (("READY", ""), "UNAVAILABLE")
    assert "is no compiled model" in listed["nothing"][1]
    assert not await ready(app)
    assert [await status(app, f"/v2/models/{name}/ready") for name in ("a", "nothing")] == [200, 503]
    assert await status(app, "/v2/models/a/infer", V2, "POST") == 200


async def test_a_deliberately_unloaded_model_is_listed_and_the_server_stays_ready(start, named):
    app = await start(model=f"{named('a').folder},{named('b').folder}")
    path = "/v2/repository/models/b"

    assert await status(app, f"{path}/unload", b"", "POST", **ADMIN) == 200

    assert await index(app) == {"a": ("READY", ""), "b": ("UNAVAILABLE", "unloaded by request")}
    assert list(await index(app, b'{"ready":true}')) == ["a"]
    assert await ready(app)
    assert await status(app, "/v2/models/b/infer", V2, "POST") == 503
    assert await status(app, f"{path}/load", b"{}", "POST", **ADMIN) == 200
    assert await status(app, "/v2/models/b/infer", V2, "POST") == 200


async def test_load_refuses_parameters_and_models_that_do_not_belong_here(start, named):
    app = await start(model=str(named("a").folder))

    refused = await call(app, "/v2/repository/models/a/load", b'{"parameters":{"config":"{}"}}', **ADMIN)
    assert (refused.status, "'config'" in refused.json()["error"]) == (400, True)
    assert await status(app, "/v2/repository/models/z/load", b"", "POST", **ADMIN) == 404


async def test_a_model_newly_tagged_appears_and_an_untagged_one_is_forgotten(start, named):
    registry = Registry(named("a"))
    app = await start(registry)
    assert (await call(app, "/predict", ROW)).status == 200
    registry.models["b"] = named("b")

    registry.tag = ["a", "b"]
    await app.server.followers.look()
    assert await index(app) == {"a": ("READY", ""), "b": ("READY", "")}
    assert (await call(app, "/predict", ROW)).status == 404
    registry.tag = ["b"]
    await app.server.followers.look()

    assert list(await index(app)) == ["b"]
    assert await status(app, "/v2/models/a/infer", V2, "POST") == 404
    assert (await call(app, "/predict", ROW)).headers["model-name"] == "b"


async def test_a_load_by_request_finds_a_model_tagged_a_moment_ago(start, named):
    registry = Registry(named("a"))
    app = await start(registry)
    registry.models["b"] = named("b")
    registry.tag = ["a", "b"]

    assert await status(app, "/v2/repository/models/b/load", b"", "POST", **ADMIN) == 200
    assert await status(app, "/v2/models/b/ready") == 200


async def test_a_newcomer_that_fails_leaves_the_server_ready_and_is_tried_again(start, named, caplog):
    registry = Registry(named("a"))
    app = await start(registry)
    registry.interval_seconds = 0.01

    registry.tag = ["a", "late"]
    await app.server.followers.look()
    state, reason = (await index(app))["late"]
    assert (state, "is not in the registry" in reason) == ("UNAVAILABLE", True)
    assert await ready(app)
    registry.models["late"] = named("late")
    await until(lambda: app.server.table.served("late") is not None, 60)
    assert (await index(app))["late"] == ("READY", "")


async def test_a_registry_that_is_down_takes_no_model_away(start, named, caplog):
    registry = Registry(named("a"))
    app = await start(registry)
    registry.unreachable = LoadFailed("no answer")

    for _ in range(3):
        await app.server.followers.look()

    assert await index(app) == {"a": ("READY", "")}
    said = [record for record in caplog.records if record.getMessage() == "the models stay as they are"]
    assert len(said) == 1


async def test_tags_that_cannot_be_looked_up_at_the_start_keep_the_server_unready(start):
    registry = Registry()
    registry.unreachable = LoadFailed("no answer")

    app = await start(registry)

    assert (app.server.health.status, await ready(app)) == ("failed", False)


async def test_each_model_follows_its_own_alias(start, named):
    registry = Registry(named("a"), named("b"))
    app = await start(registry)
    registry.models["b"] = named("b", "2", 100.0)

    for name in "ab":
        await app.server.followers._of(name).look()

    assert [app.server.table.find(name).identity.version for name in "ab"] == ["1", "2"]
    assert app.server.followers.roll_back("b").identity.version == "1"
    with pytest.raises(NotFound):
        app.server.followers.roll_back("a")


async def test_other_settings_serve_other_models_and_no_request_is_lost(start, named):
    app = await start(model=str(named("a").folder))

    app.server.change(Settings(model=f"{named('b').folder},{named('c').folder}", default_model="c", database_url=""))
    while "a" in await index(app):
        assert (await call(app, "/predict", ROW)).status == 200

    assert await index(app) == {"b": ("READY", ""), "c": ("READY", "")}
    assert (await call(app, "/predict", ROW)).headers["model-name"] == "c"


async def test_an_evicted_model_answers_the_next_request(start, named, monkeypatch):
    monkeypatch.setattr(loaded_model, "resident_bytes", itertools.count(0, 1000).__next__)
    monkeypatch.setattr(CompiledModel, "model_file_bytes", lambda self: 1000)
    folders = f"{named('a').folder},{named('b').folder}"
    app = await start(model=folders, model_memory_bytes=1500, default_model="a")
    (evicted,) = [name for name, (state, _) in (await index(app)).items() if state == "UNAVAILABLE"]

    assert await ready(app)
    assert "TRIVET_MODEL_MEMORY_BYTES" in (await index(app))[evicted][1]
    assert await status(app, f"/v2/models/{evicted}/ready") == 503
    for name in ("a", "b", "a", "b"):
        answer = await call(app, f"/v2/models/{name}/infer", V2, request_timeout="60")
        assert (answer.status, answer.json()["model_name"]) == (200, name)
    assert (await call(app, "/predict", ROW)).headers["model-name"] == "a"
    assert (await call(app, "/v2/models/b", method="GET")).json()["name"] == "b"
    assert [state for state, _ in (await index(app)).values()].count("READY") == 1
