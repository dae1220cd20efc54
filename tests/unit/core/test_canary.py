"""The canary: whose requests it answers, by which version it is found, and what is said of it."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services import runtimes
from services.core import canary as module
from services.core.canary import Canary, share_of
from services.core.compiled_model import CompiledModel
from services.core.errors import NotFound, NotReady
from services.core.loaded_model import prepare
from services.core.metrics import Metrics
from services.core.model_table import ModelTable
from services.core.settings import Settings
from tests.unit import onnx_models
from tests.unit.parts import rows, until

HEADER = b"x-canary-key"
DRAWS = 5_000


class Split(Canary):
    """A canary beside a table that serves version 1."""

    def __init__(self, weight: float = 0.1, **options: Any) -> None:
        self.settings, self.metrics = Settings(canary_weight=weight, max_batch_rows=8), Metrics("fastapi")
        self.table = ModelTable(runtimes.load, self.settings, self.metrics)
        super().__init__(self.settings, self.metrics, self.table, **options)

    async def run(self, compiled: CompiledModel) -> None:
        await self.take(prepare(compiled, runtimes.load, self.settings, None), self.settings)

    def version_for(self, key: str = "") -> str:
        return self.pick(self.table.find("scaler"), {HEADER: key.encode()} if key else {}).identity.version

    def ready(self, version: str) -> float | None:
        labels = {"engine": "fastapi", "model": "scaler", "version": version}
        return self.metrics.registry.get_sample_value("inference_model_ready", labels)


@pytest.fixture
def second(tmp_path: Path) -> CompiledModel:
    return onnx_models.scaler(tmp_path, version="2", factor=100.0)


@pytest.fixture
async def split(
    no_thread_left: None, scaler: CompiledModel, second: CompiledModel, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Callable[..., Any]]:
    monkeypatch.setattr(module, "LINGER_SECONDS", 0.0)
    made: list[Split] = []

    async def make(weight: float = 0.1, **options: Any) -> Split:
        made.append(Split(weight, **options))
        await made[-1].table.load(scaler)
        await made[-1].run(second)
        return made[-1]

    yield make
    for split in made:
        await split.close()
        await split.table.close()


@pytest.mark.parametrize("weight", [0.03, 0.5])
@pytest.mark.parametrize("keyed", [True, False], ids=["by key", "by chance"])
async def test_the_share_is_the_weight_within_five_standard_deviations(split, weight, keyed):
    canary = await split(weight, draw=random.Random(1).random)

    taken = sum(canary.version_for(f"user-{number}" if keyed else "") == "2" for number in range(DRAWS))

    assert abs(taken - DRAWS * weight) < 5 * (DRAWS * weight * (1 - weight)) ** 0.5


@pytest.mark.parametrize(("weight", "version"), [(0.0, "1"), (1.0, "2")])
async def test_a_weight_of_nothing_or_all_is_meant_so(split, weight, version):
    canary = await split(weight)

    assert {canary.version_for(f"user-{number}") for number in range(200)} == {version}
    assert {canary.version_for() for _ in range(200)} == {version}


async def test_a_key_stays_with_its_version_and_a_larger_weight_keeps_the_keys_it_had(split):
    small, large = await split(0.2), await split(0.4)
    keys = [f"user-{number}" for number in range(500)]

    taken = {key for key in keys if small.version_for(key) == "2"}

    assert taken == {key for key in keys if small.version_for(key) == "2"}
    assert taken < {key for key in keys if large.version_for(key) == "2"}


def test_where_a_key_lies_is_the_same_everywhere_and_for_ever():
    assert share_of("iris-classifier", b"user-1") == 0.48369606173750956
    assert share_of("another", b"user-1") != share_of("iris-classifier", b"user-1")


@given(st.text(max_size=20), st.binary(max_size=200))
def test_any_key_lies_between_0_and_1(name, key):
    assert 0 <= share_of(name, key) < 1


async def test_a_version_that_is_named_answers_itself(split):
    canary = await split()

    found = [canary.find("scaler", version).identity.version for version in (None, "1", "2")]

    assert found == ["1", "1", "2"]
    assert [model.identity.version for model in canary.versions("scaler")] == ["1", "2"]
    with pytest.raises(NotFound):
        canary.find("scaler", "3")
    with pytest.raises(NotFound):
        canary.find("other", "2")


async def test_an_unloaded_model_has_no_canary(split):
    canary = await split(1.0)
    await canary.table.unload("scaler")

    for version in (None, "1", "2"):
        with pytest.raises(NotReady):
            canary.find("scaler", version)
    assert canary.versions("other") == []


async def test_another_model_has_no_canary(split, labeller):
    canary = await split(1.0)
    other = await canary.table.load(labeller)

    assert canary.pick(other, {}) is other
    assert canary.versions("labeller") == [other]


async def test_the_metrics_say_what_is_served(split, scaler):
    canary = await split()
    assert (canary.ready("1"), canary.ready("2")) == (1, 1)

    await canary.run(msgspec.structs.replace(scaler, version="3"))
    assert (canary.ready("2"), canary.ready("3")) == (0, 1)

    await canary.release()
    assert (canary.ready("1"), canary.ready("3")) == (1, 0)
    assert canary.version_for() == "1"


async def test_a_canary_that_became_what_is_served_stays_ready(split, second):
    canary = await split()
    await canary.table.load(second)

    await canary.release()

    assert canary.ready("2") == 1


async def test_what_is_on_its_way_to_a_canary_is_answered_when_another_comes(split, scaler, monkeypatch):
    canary = await split(1.0)
    monkeypatch.setattr(module, "LINGER_SECONDS", 60.0)
    before = canary.model

    taking = asyncio.create_task(canary.run(msgspec.structs.replace(scaler, version="3")))
    await until(lambda: canary.identity.version == "3", 60)
    outcome = await before.batcher.submit(rows(1), 1, 30)
    taking.cancel()
    await asyncio.gather(taking, return_exceptions=True)

    assert outcome.outputs["probability"].tolist() == [[100, 200, 300]]
    with pytest.raises(NotReady):
        before.batcher.submit(rows(1), 1, 30)


async def test_the_backlogs_of_both_versions_add_up(split):
    canary = await split()
    parts = [canary.table.find("scaler").metrics.queue_rows, canary.model.metrics.queue_rows]

    parts[0].set(3)
    parts[1].set(4)
    parts[0].set(1)

    labels = {"engine": "fastapi", "model": "scaler"}
    assert canary.metrics.registry.get_sample_value("inference_queue_rows", labels) == 5
