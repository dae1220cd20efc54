"""Following a candidate: what runs beside what is served after each look, and where it is said why it does not."""

import asyncio
import logging
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from services import runtimes
from services.core import canary as canary_module
from services.core import loaded_model
from services.core.canary import Canary
from services.core.compiled_model import CompiledModel
from services.core.errors import LoadFailed, SettingsInvalid
from services.core.health import Health
from services.core.loaded_model import prepare
from services.core.metrics import Metrics
from services.core.model_table import ModelTable
from services.core.settings import Settings
from services.core.shadow import Shadow
from services.http.candidate import Candidate, uri_of
from services.registry.fetch import Current
from services.registry.selection import Selection
from services.registry.watch import FIRST_RETRY_SECONDS
from tests.unit import onnx_models
from tests.unit.http.asgi import call
from tests.unit.parts import ManualClock, rows, until

URI = "models:/scaler@candidate"
V2 = b'{"inputs":[{"name":"features","datatype":"FP64","shape":[1,3],"data":[1,2,3]}]}'


class Alias:
    """A source whose alias a test moves, and whose registry and network it takes away."""

    name = "scaler"

    def __init__(self, interval_seconds: float, *versions: CompiledModel) -> None:
        self.watch_interval_seconds = interval_seconds
        self.versions = {model.version: model for model in versions}
        self.named = "2"
        self.unreachable: Exception | None = None
        self.unfetchable: Exception | None = None
        self.looks = 0

    def current(self) -> Current:
        self.looks += 1
        if self.unreachable:
            raise self.unreachable
        return Current(self.name, self.named, self.versions[self.named].digest)

    def obtain(self, now: Current) -> CompiledModel:
        if self.unfetchable:
            raise self.unfetchable
        return self.versions[now.version]


class Following(Candidate):
    """A candidate beside a table, and all that can be asked about it."""

    def __init__(self, alias: Alias, place: Any = Shadow, **settings: Any) -> None:
        self.alias, self.clock, self.metrics = alias, ManualClock(), Metrics("fastapi")
        given = Settings(max_batch_rows=8, **settings)
        self.table = ModelTable(runtimes.load, given, self.metrics)
        beside = self.table if place is Canary else Health()
        self.place = place(given, self.metrics, beside)
        super().__init__(alias, self.place, self.table, given, self.clock)

    async def look_at(self, version: str) -> str | None:
        self.alias.named = version
        await self.look()
        return self.runs

    @property
    def runs(self) -> str | None:
        return self.place.identity and self.place.identity.version


@pytest.fixture
def versions(scaler: CompiledModel, labeller: CompiledModel, tmp_path: Path) -> list[CompiledModel]:
    """1 is served, 2 and 3 can run, 4 is no model, 5 takes other inputs."""
    (tmp_path / "second").mkdir()
    second = onnx_models.scaler(tmp_path / "second", version="2", factor=100.0)
    folder = Path(shutil.copytree(scaler.folder, tmp_path / "broken"))
    (folder / "model.onnx").write_bytes(b"no model")
    misfit = msgspec.structs.replace(labeller.manifest, name="scaler")
    return [
        scaler,
        second,
        msgspec.structs.replace(scaler, version="3"),
        msgspec.structs.replace(scaler, folder=folder, version="4"),
        msgspec.structs.replace(labeller, manifest=misfit, version="5"),
    ]


@pytest.fixture
async def follow(
    no_thread_left: None, versions: list[CompiledModel], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Callable[..., Any]]:
    monkeypatch.setattr(canary_module, "LINGER_SECONDS", 0.0)
    made: list[Following] = []

    async def start(place: Any = Shadow, *, interval_seconds: float = 30, **settings: Any) -> Following:
        made.append(Following(Alias(interval_seconds, *versions), place, **settings))
        await made[-1].table.load(versions[0])
        return made[-1]

    yield start
    for candidate in made:
        await candidate.close()
        await candidate.table.close()


PLACES = pytest.mark.parametrize("place", [Shadow, Canary])


@PLACES
async def test_a_moved_alias_is_followed(follow, place):
    candidate = await follow(place)

    assert [await candidate.look_at(version) for version in "232"] == ["2", "3", "2"]


async def test_the_index_says_what_a_shadow_is(follow):
    candidate = await follow()
    assert candidate.row() == {"name": "scaler", "state": "UNAVAILABLE", "reason": "shadow: it is not loaded yet"}

    await candidate.look()

    reason = "shadow: runs beside what is served, and answers nobody"
    assert candidate.row() == {"name": "scaler", "version": "2", "state": "UNAVAILABLE", "reason": reason}


async def test_the_index_says_what_a_canary_is(follow):
    candidate = await follow(Canary, canary_weight=0.25)

    await candidate.look()

    reason = "canary: answers 0.25 of the requests"
    assert candidate.row() == {"name": "scaler", "version": "2", "state": "READY", "reason": reason}


@PLACES
async def test_a_candidate_that_became_what_is_served_ends(follow, place, versions):
    candidate = await follow(place)
    await candidate.look()
    await candidate.table.load(versions[1])

    assert await candidate.look_at("2") is None
    assert candidate.row()["reason"] == f"{place.role}: version 2 is what is served"
    assert await candidate.look_at("3") == "3"


@PLACES
@pytest.mark.parametrize(
    ("version", "reason"),
    [("4", "version 4 is not loaded: "), ("5", "version 5 is not loaded: it does not take the input 'features'")],
)
async def test_what_does_not_load_or_fit_does_not_run_and_is_not_tried_again(follow, place, version, reason, caplog):
    candidate = await follow(place)
    await candidate.look()

    assert await candidate.look_at(version) is None
    assert reason in candidate.row()["reason"]
    candidate.clock.now += 1e6
    await candidate.look()
    warned = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert warned == ["the candidate does not run"]
    assert candidate.table.entries()[0].reason == ""
    assert candidate.table.find("scaler").identity.version == "1"
    assert await candidate.look_at("2") == "2"


async def test_what_cannot_be_fetched_is_tried_again_later(follow):
    candidate = await follow()
    candidate.alias.unfetchable = OSError("no network")

    assert await candidate.look_at("2") is None
    assert "version 2 cannot be fetched" in candidate.row()["reason"]
    candidate.alias.unfetchable = None
    assert await candidate.look_at("2") is None
    candidate.clock.now += FIRST_RETRY_SECONDS
    assert await candidate.look_at("2") == "2"


@pytest.mark.parametrize("error", [LoadFailed("the registry is gone"), MemoryError("none left")])
async def test_a_registry_that_is_gone_leaves_the_candidate_as_it_is_and_is_said_once(follow, caplog, error):
    candidate = await follow()
    await candidate.look()
    candidate.alias.unreachable = error

    for _ in range(3):
        assert await candidate.look_at("3") == "2"

    assert str(error) in candidate.row()["reason"]
    warned = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert warned == ["the candidate stays as it is"]
    candidate.alias.unreachable = None
    assert await candidate.look_at("3") == "3"


async def test_memory_that_is_missing_is_asked_for_again(follow, monkeypatch):
    candidate = await follow()
    monkeypatch.setattr(loaded_model, "prepare", lambda *_: (_ for _ in ()).throw(MemoryError("none left")))

    assert await candidate.look_at("2") is None
    assert "version 2 cannot be loaded: MemoryError" in candidate.row()["reason"]
    monkeypatch.setattr(loaded_model, "prepare", prepare)
    candidate.clock.now += FIRST_RETRY_SECONDS
    assert await candidate.look_at("2") == "2"


@PLACES
async def test_a_candidate_takes_memory_from_its_load_until_it_is_released(follow, place):
    candidate = await follow(place)

    await candidate.look_at("2")

    taken = candidate.table._eviction.beside_bytes
    await candidate.look_at("1")
    assert (taken > 0, candidate.table._eviction.beside_bytes) == (True, 0)


@PLACES
async def test_a_candidate_of_a_model_that_is_gone_ends(follow, place):
    candidate = await follow(place)
    await candidate.look()
    await candidate.table.unload("scaler")

    assert await candidate.look_at("2") is None
    assert candidate.row()["reason"] == f"{place.role}: there is no model 'scaler' to run beside"


async def test_a_shadow_may_answer_everything_otherwise_and_a_canary_may_not(follow, tmp_path):
    for place, runs in ((Shadow, "2"), (Canary, None)):
        candidate = await follow(place)
        served = candidate.table.find("scaler")
        opposite = {name: -array for name, array in (await served.batcher.submit(rows(*range(30)), 30, 30))[0].items()}
        served.recent.keep(rows(*range(30)), opposite, 30)

        assert await candidate.look_at("2") == runs
    assert "answers 30 of the last 30 rows otherwise" in candidate.row()["reason"]


async def test_it_waits_for_the_model_that_it_runs_beside_and_then_looks_until_it_runs(follow, versions, monkeypatch):
    monkeypatch.setattr("services.http.candidate.LOOK_SECONDS", 0.001)
    monkeypatch.setattr("services.http.candidate.RETRY_SECONDS", 0.001)
    candidate = await follow(interval_seconds=0.0)
    await candidate.table.close()
    candidate.table._entries.clear()
    candidate.alias.unreachable = LoadFailed("no such alias")
    running = asyncio.create_task(candidate.run())
    await asyncio.sleep(0.01)
    assert candidate.alias.looks == 0

    await candidate.table.load(versions[0])
    await until(lambda: candidate.alias.looks > 2, 60)
    candidate.alias.unreachable = None

    await running
    assert candidate.runs == "2"


def uri_in(settings: Settings) -> str:
    return uri_of(settings, Selection(settings))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"shadow": URI, "canary": URI}, "TRIVET_SHADOW and TRIVET_CANARY are both set"),
        ({"shadow": "scaler"}, "TRIVET_SHADOW: scaler is no model URI: expected models:/NAME@ALIAS"),
        ({"canary": "models:/scaler/staging"}, "TRIVET_CANARY: models:/scaler/staging names a stage"),
        ({"canary": "models:/other@candidate"}, "and scaler is served: name a version or an alias of models:/scaler"),
    ],
)
def test_settings_that_name_no_candidate_are_refused(given, message):
    with pytest.raises(SettingsInvalid, match=message):
        uri_in(Settings(model="models:/scaler@production", **given))


def test_the_candidate_of_a_folder_is_of_any_name():
    assert uri_in(Settings(model="/models/scaler", shadow=URI)) == URI
    assert uri_in(Settings(model="/models/scaler")) == ""


@pytest.fixture
async def split(start, versions):
    """An application whose canary takes the requests of some keys."""
    app = await start(model="models:/scaler@production", canary=URI, canary_weight=0.5, canary_header="X-User")
    server = app.server
    await server.canary.take(prepare(versions[1], runtimes.load, server.settings, None), server.settings)
    return app


KEYS = [f"user-{number}" for number in range(40)]


@pytest.mark.parametrize("path", ["/predict", "/predict/batch", "/v2/models/scaler/infer"])
async def test_an_answer_names_the_version_that_computed_it(split, path, versions):
    body = {"/predict": b'{"features":[1,2,3]}', "/predict/batch": b'{"inputs":[[1,2,3]]}'}.get(path, V2)
    digests = {model.version: model.digest for model in versions}
    seen: dict[str, str] = {}
    for key in KEYS:
        sent = await call(split, path, body, x_user=key)
        answer = sent.json()
        if "outputs" in answer:
            version, digest = answer["model_version"], answer["parameters"]["model_digest"]
            scaled = answer["outputs"][1]["data"]
        else:
            version, digest = sent.headers["model-version"], sent.headers["model-digest"]
            scaled = answer.get("probability") or answer["probabilities"][0]
        assert (digest, scaled) == (digests[version], [value * 10 ** int(version) for value in (1, 2, 3)])
        seen[key] = version

    assert set(seen.values()) == {"1", "2"}
    value_of = split.server.metrics.registry.get_sample_value
    route = path.replace("scaler", "{model}")
    labels = {"engine": "fastapi", "model": "scaler", "route": route, "code": "200"}
    counted = {version: value_of("inference_requests_total", {**labels, "version": version}) for version in "12"}
    assert counted == {version: list(seen.values()).count(version) for version in "12"}


async def test_a_version_that_is_named_answers_whatever_the_key(split):
    for version in "12":
        answers = [
            (await call(split, f"/v2/models/scaler/versions/{version}/infer", V2, x_user=key)).json() for key in KEYS
        ]
        assert {answer["model_version"] for answer in answers} == {version}
    assert (await call(split, "/v2/models/scaler/versions/3/infer", V2)).status == 404


async def test_both_versions_are_described(split):
    described = await call(split, "/v2/models/scaler", method="GET")
    assert described.json()["versions"] == ["1", "2"]
    for path, versions in (("/v2/models/scaler", "12"), ("/v2/models", "12"), ("/v2/models/scaler/versions/2", "2")):
        stats = (await call(split, f"{path}/stats", method="GET")).json()["model_stats"]
        assert [model["version"] for model in stats] == list(versions)
    listed = (await call(split, "/v2/repository/index")).json()
    assert [(row["version"], row["state"]) for row in listed] == [("1", "READY"), ("2", "READY")]


async def test_a_shadow_is_listed_and_not_among_what_is_ready(start, versions):
    app = await start(model="models:/scaler@production", shadow=URI, shadow_sample_ratio=1)
    await app.server.shadow.take(prepare(versions[1], runtimes.load, app.server.settings, None), app.server.settings)

    listed = [(await call(app, "/v2/repository/index", body)).json() for body in (b"{}", b'{"ready":true}')]
    assert [[row["version"] for row in rows] for rows in listed] == [["1", "2"], ["1"]]
    assert (await call(app, "/v2/models/scaler/versions/2/infer", V2)).status == 404
    answer = (await call(app, "/v2/models/scaler/infer", V2)).json()
    assert answer["model_version"] == "1"
    labels = {"engine": "fastapi", "model": "scaler", "version": "2", "outcome": "agreed"}
    value_of = app.server.metrics.registry.get_sample_value
    await until(lambda: value_of("inference_shadow_rows_total", labels) == 1, 60)
