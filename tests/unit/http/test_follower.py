"""Following an alias: what is served after each look, and where it is said why; over real ONNX models."""

import asyncio
import logging
import shutil
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import pytest

from services import runtimes
from services.core.compiled_model import CompiledModel
from services.core.errors import LoadFailed, NotFound
from services.core.metrics import Metrics
from services.core.model_table import ModelTable
from services.core.settings import Settings
from services.http.aside import aside
from services.http.follower import Follower
from services.registry.fetch import Current
from services.registry.watch import FIRST_RETRY_SECONDS
from tests.unit import onnx_models
from tests.unit.parts import ManualClock, until

SETTINGS = Settings(max_batch_rows=8, swap_replay_rows=0)


class Alias:
    """A source whose alias a test moves, and whose registry and network it takes away."""

    name = "scaler"
    watch_interval_seconds = 0.0

    def __init__(self, *versions: CompiledModel) -> None:
        self.versions = {model.version: model for model in versions}
        self.named = versions[0].version
        self.unreachable: Exception | None = None
        self.unfetchable: Exception | None = None
        self.fetched: list[str] = []
        self.remembered: list[str] = []

    def current(self) -> Current:
        if self.unreachable:
            raise self.unreachable
        return Current(self.name, self.named, self.versions[self.named].digest)

    def find(self, *, refresh: bool) -> CompiledModel:
        return self.obtain(self.current())

    def obtain(self, now: Current) -> CompiledModel:
        self.fetched.append(now.version)
        if self.unfetchable:
            raise self.unfetchable
        return self.versions[now.version]

    def remember(self, model: CompiledModel) -> None:
        self.remembered.append(model.version)


class Following(Follower):
    """A follower and all that can be asked about it."""

    def __init__(self, alias: Alias, settings: Settings = SETTINGS) -> None:
        self.alias, self.clock, self.metrics = alias, ManualClock(), Metrics("fastapi")
        self.table = ModelTable(runtimes.load, settings, self.metrics)
        super().__init__(alias, self.table, self.metrics, self.clock)

    async def look_at(self, version: str) -> str:
        self.alias.named = version
        await self.look()
        return self.served

    @property
    def served(self) -> str:
        return self.table.find("scaler").identity.version

    @property
    def reason(self) -> str:
        return self.table.entries()[0].reason

    def count(self, outcome: str) -> float | None:
        labels = {"engine": "fastapi", "model": "scaler", "outcome": outcome}
        return self.metrics.registry.get_sample_value("inference_model_reloads_total", labels)


@pytest.fixture
def second(tmp_path: Path) -> CompiledModel:
    (tmp_path / "second").mkdir()
    return onnx_models.scaler(tmp_path / "second", version="2", factor=100.0)


@pytest.fixture
def broken(tmp_path: Path, scaler: CompiledModel) -> CompiledModel:
    folder = Path(shutil.copytree(scaler.folder, tmp_path / "broken"))
    (folder / "model.onnx").write_bytes(b"no model")
    return msgspec.structs.replace(scaler, folder=folder, version="3")


@pytest.fixture
def misfit(labeller: CompiledModel) -> CompiledModel:
    manifest = msgspec.structs.replace(labeller.manifest, name="scaler")
    return msgspec.structs.replace(labeller, manifest=manifest, version="4")


@pytest.fixture
async def follow(no_thread_left: None) -> AsyncIterator[Callable[..., Following]]:
    made: list[Following] = []

    async def start(*versions: CompiledModel) -> Following:
        made.append(Following(Alias(*versions)))
        await made[-1].load(refresh=False)
        return made[-1]

    yield start
    for follower in made:
        await follower.table.close()


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


async def test_a_moved_alias_is_followed_and_remembered_for_the_next_start(follow, scaler, second):
    follower = await follow(scaler, second)

    assert await follower.look_at("1") == "1"
    assert await follower.look_at("2") == "2"
    assert (follower.reason, follower.count("swapped"), follower.alias.remembered) == ("", 1, ["1", "2"])


async def test_the_alias_moved_back_is_followed_without_a_load(follow, scaler, second):
    follower = await follow(scaler, second)
    first = follower.table.find("scaler")
    await follower.look_at("2")
    follower.alias.fetched.clear()

    assert await follower.look_at("1") == "1"
    assert follower.table.find("scaler") is first
    assert (follower.alias.fetched, follower.count("restored"), follower.alias.remembered[-1]) == ([], 1, "1")


@pytest.mark.parametrize(
    ("version", "outcome", "why"), [("3", "failed", "cannot load"), ("4", "refused", "does not take the input")]
)
async def test_a_version_that_cannot_serve_is_tried_once_and_said_why(
    follow, scaler, second, broken, misfit, caplog, version, outcome, why
):
    follower = await follow(scaler, second, broken, misfit)
    await follower.look_at(version)
    follower.clock.now += 1e9

    assert await follower.look_at(version) == "1"
    assert follower.alias.fetched.count(version) == 1
    assert why in follower.reason
    assert f"version {version} is not served" in follower.reason
    assert follower.count(outcome) == 1
    assert warnings(caplog) == ["the model stays as it is"]
    assert follower.alias.remembered == ["1"]
    assert await follower.look_at("2") == "2"
    assert follower.reason == ""


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), LoadFailed("the digest is another")])
async def test_what_cannot_be_fetched_is_tried_again_later(follow, scaler, second, error):
    follower = await follow(scaler, second)
    follower.alias.unfetchable = error
    await follower.look_at("2")
    await follower.look_at("2")

    assert follower.alias.fetched == ["1", "2"]
    assert "version 2 cannot be fetched" in follower.reason
    assert follower.count("failed") == 1
    follower.alias.unfetchable = None
    follower.clock.now += FIRST_RETRY_SECONDS
    assert await follower.look_at("2") == "2"


@pytest.mark.parametrize("error", [LoadFailed("no answer"), RuntimeError("anything")])
async def test_a_registry_that_is_down_is_counted_at_every_look_and_logged_once(follow, scaler, second, caplog, error):
    follower = await follow(scaler, second)
    follower.alias.unreachable = error
    for _ in range(5):
        await follower.look()

    assert follower.served == "1"
    assert str(error.args[0]) in follower.reason
    assert follower.count("unreachable") == 5
    assert len(warnings(caplog)) == 1
    follower.alias.unreachable = None
    assert await follower.look_at("2") == "2"
    assert follower.reason == ""


async def test_a_rollback_by_request_holds_until_the_alias_moves(follow, scaler, second):
    third = msgspec.structs.replace(scaler, version="3")
    follower = await follow(scaler, second, third)
    await follower.look_at("2")

    assert follower.roll_back("scaler").identity.version == "1"
    assert await follower.look_at("2") == "1"
    assert "version 2 was rolled back by request" in follower.reason
    assert follower.count("restored") == 1
    assert await follower.look_at("3") == "3"
    assert follower.reason == ""


async def test_a_rollback_that_is_asked_for_twice_goes_back_once(follow, scaler, second):
    follower = await follow(scaler, second)
    await follower.look_at("2")

    backs = [follower.roll_back("scaler").identity.version for _ in range(2)]

    assert (backs, follower.served, follower.count("restored")) == (["1", "1"], "1", 1)


async def test_a_load_by_request_ends_a_rollback(follow, scaler, second):
    follower = await follow(scaler, second)
    await follower.look_at("2")
    follower.roll_back("scaler")

    await follower.load(refresh=True)

    assert (follower.served, await follower.look_at("2")) == ("2", "2")


async def test_there_is_no_way_back_before_the_first_swap(follow, scaler):
    follower = await follow(scaler)

    with pytest.raises(NotFound):
        follower.roll_back("scaler")


async def test_a_model_unloaded_by_request_stays_unloaded(follow, scaler, second):
    follower = await follow(scaler, second)
    await follower.table.unload("scaler")
    follower.alias.named = "2"

    await follower.look()

    assert follower.table.entries()[0].state == "unloaded"


async def test_a_full_disk_after_the_swap_does_no_harm(follow, scaler, second, monkeypatch):
    follower = await follow(scaler, second)
    monkeypatch.setattr(follower.alias, "remember", lambda model: (_ for _ in ()).throw(OSError(28, "full")))

    assert await follower.look_at("2") == "2"


async def test_work_that_hangs_holds_up_nobody_who_no_longer_waits():
    may_end = threading.Event()
    waiting = asyncio.create_task(aside(may_end.wait, 10))
    await asyncio.sleep(0)

    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    may_end.set()
    await until(lambda: not any(thread.name == "aside" for thread in threading.enumerate()))


async def test_what_work_aside_raises_is_raised():
    with pytest.raises(ZeroDivisionError):
        await aside(lambda: 1 / 0)
