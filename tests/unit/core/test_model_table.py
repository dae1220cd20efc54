"""The model table: find, swap, keep the old one, unload; with real ONNX models."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import numpy as np
import pytest

from services import runtimes
from services.core.compiled_model import CompiledModel
from services.core.errors import CheckFailed, LoadFailed, NotFound, NotReady
from services.core.loaded_model import LoadedModel
from services.core.metrics import Metrics
from services.core.model_table import ModelTable
from services.core.runtime import Runtime
from services.core.settings import Settings
from tests.unit import onnx_models

SETTINGS = Settings(max_batch_rows=8)


class Table(ModelTable):
    """A table whose metrics and runtimes can be asked."""

    def __init__(self) -> None:
        self.metrics = Metrics("fastapi")
        self.runtimes: list[Runtime] = []
        super().__init__(self._load_and_remember, SETTINGS, self.metrics)

    def _load_and_remember(self, compiled: CompiledModel, settings: Settings) -> Runtime:
        self.runtimes.append(runtimes.load(compiled, settings))
        return self.runtimes[-1]

    def open_runtimes(self) -> int:
        return sum(runtime._session is not None for runtime in self.runtimes)

    def ready(self, version: str) -> float | None:
        labels = {"engine": "fastapi", "model": "scaler", "version": version}
        return self.metrics.registry.get_sample_value("inference_model_ready", labels)


@pytest.fixture
async def table(no_thread_left: None) -> AsyncIterator[Table]:
    table = Table()
    yield table
    await table.close()


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> CompiledModel:
    return onnx_models.scaler(tmp_path_factory.mktemp("second"), version="2", factor=100.0)


@pytest.fixture
def other_signature(tmp_path: Path, labeller: CompiledModel) -> CompiledModel:
    manifest = msgspec.structs.replace(labeller.manifest, name="scaler")
    return msgspec.structs.replace(labeller, manifest=manifest, version="3")


@pytest.fixture
def broken(tmp_path: Path, scaler: CompiledModel) -> CompiledModel:
    folder = Path(shutil.copytree(scaler.folder, tmp_path / "broken"))
    (folder / "model.onnx").write_bytes(b"no model")
    return msgspec.structs.replace(scaler, folder=folder, version="3")


async def answer(model: LoadedModel) -> list[float]:
    outcome = await model.batcher.submit({"features": np.array([[1.0, 2.0, 3.0]])}, 1, 30)
    return outcome.outputs["probability"].ravel().tolist()


async def test_a_loaded_model_is_found_and_answers(table, scaler):
    model = await table.load(scaler)

    assert table.find("scaler") is table.find("scaler", "1") is table.find_default() is model
    assert await answer(model) == [10, 20, 30]
    assert table.ready("1") == 1


async def test_an_unknown_name_or_version_is_not_found(table, scaler):
    await table.load(scaler)

    with pytest.raises(NotFound, match="no model 'other'"):
        table.find("other")
    with pytest.raises(NotFound, match="no version '2' here; '1' is served"):
        table.find("scaler", "2")


async def test_an_empty_table_is_not_ready():
    with pytest.raises(NotReady):
        Table().find_default()


async def test_a_swap_serves_the_new_and_keeps_the_old_loaded(table, scaler, second):
    old = await table.load(scaler)

    new = await table.load(second)

    assert table.find("scaler") is table.find_default() is new
    assert table.previous("scaler") is old
    assert await answer(new) == [100, 200, 300]
    assert (table.ready("1"), table.ready("2"), table.open_runtimes()) == (0, 1, 2)


async def test_a_request_that_found_the_old_version_gets_its_answer(table, scaler, second):
    old = await table.load(scaler)
    await table.load(second)

    assert await answer(old) == [10, 20, 30]


async def test_the_version_before_the_previous_is_freed(table, scaler, second):
    first = await table.load(scaler)
    await table.load(second)

    third = await table.load(msgspec.structs.replace(scaler, version="3"))

    assert (table.find("scaler"), table.previous("scaler").identity.version) == (third, "2")
    assert table.open_runtimes() == 2
    with pytest.raises(NotReady, match="just replaced"):
        await answer(first)


async def test_the_previous_version_is_back_at_once_and_both_stay_loaded(table, scaler, second):
    old, new = await table.load(scaler), await table.load(second)

    assert table.restore("scaler") is old
    assert (table.find("scaler"), table.find_default(), table.previous("scaler")) == (old, old, new)
    assert (table.ready("1"), table.ready("2"), table.open_runtimes()) == (1, 0, 2)
    assert table.restore("scaler") is new


@pytest.mark.parametrize("name", ["scaler", "other"])
async def test_without_a_previous_version_there_is_no_way_back(table, scaler, name):
    await table.load(scaler)

    with pytest.raises(NotFound, match="no previous version"):
        table.restore(name)


async def test_the_same_version_again_keeps_the_previous(table, scaler, second):
    old = await table.load(scaler)
    await table.load(second)

    await table.load(second)

    assert table.previous("scaler") is old
    assert table.open_runtimes() == 2


async def test_a_version_with_another_signature_is_refused_and_freed(table, scaler, other_signature):
    old = await table.load(scaler)

    with pytest.raises(CheckFailed, match="clients send"):
        await table.load(other_signature)

    assert table.find("scaler") is old
    assert table.open_runtimes() == 1


async def test_fifty_swaps_leave_two_models(table, scaler, second):
    for number in range(50):
        await table.load(msgspec.structs.replace((scaler, second)[number % 2], version=str(number)))

    assert (len(table.runtimes), table.open_runtimes()) == (50, 2)


async def test_work_in_the_old_model_finishes_during_the_swap(table, scaler, second):
    old = await table.load(scaler)
    swap = asyncio.create_task(table.load(second))
    answers = []

    while not swap.done():
        answers.append(await answer(table.find("scaler")))
        await asyncio.sleep(0)

    assert set(map(tuple, answers)) <= {(10, 20, 30), (100, 200, 300)}
    assert await swap is not old


async def test_the_same_version_loaded_again_counts_as_ready(table, scaler):
    await table.load(scaler)

    await table.load(scaler)

    assert table.ready("1") == 1


async def test_loads_at_the_same_time_leave_one_model_and_the_one_before(table, scaler, second):
    await asyncio.gather(table.load(scaler), table.load(second), table.load(scaler))

    assert (len(table.runtimes), table.open_runtimes()) == (3, 2)
    assert await answer(table.find("scaler")) in ([10, 20, 30], [100, 200, 300])


async def test_a_load_that_fails_leaves_the_one_beside_it_alone(table, scaler, broken):
    outcomes = await asyncio.gather(table.load(broken), table.load(scaler), return_exceptions=True)

    assert isinstance(outcomes[0], LoadFailed)
    assert table.find("scaler") is outcomes[1]


async def test_a_model_that_fails_keeps_the_old_one_serving(table, scaler, broken):
    old = await table.load(scaler)

    with pytest.raises(LoadFailed, match="cannot load"):
        await table.load(broken)

    assert table.find("scaler") is old
    assert await answer(old) == [10, 20, 30]
    assert (table.ready("1"), table.ready("3")) == (1, None)


async def test_a_first_model_that_fails_says_why(table, broken):
    with pytest.raises(LoadFailed):
        await table.load(broken)

    (entry,) = table.entries()
    assert entry.state == "failed"
    assert "cannot load" in entry.reason
    with pytest.raises(NotReady, match="'scaler' is failed"):
        table.find("scaler")


async def test_a_model_that_failed_can_be_loaded_later(table, broken, scaler):
    with pytest.raises(LoadFailed):
        await table.load(broken)

    await table.load(scaler)

    assert table.find("scaler").identity.version == "1"


async def test_an_unloaded_model_is_not_ready_and_may_come_back(table, scaler):
    model = await table.load(scaler)
    work = asyncio.create_task(answer(model))
    await asyncio.sleep(0)

    await table.unload("scaler")

    assert await work == [10, 20, 30]
    assert table.ready("1") == 0
    for find in (lambda: table.find("scaler"), table.find_default):
        with pytest.raises(NotReady):
            find()
    await table.load(scaler)
    assert table.find_default().identity.version == "1"


async def test_unloading_twice_is_fine_and_an_unknown_name_is_not(table, scaler):
    await table.load(scaler)

    await asyncio.gather(table.unload("scaler"), table.unload("scaler"))

    with pytest.raises(NotFound):
        await table.unload("other")


async def test_the_first_model_stays_the_default(table, scaler, labeller):
    first = await table.load(scaler)

    await table.load(labeller)

    assert table.find_default() is first
    assert table.find("labeller").signature.inputs[0].name == "word"


async def test_a_model_can_be_served_alone_and_the_others_are_forgotten(table, scaler, labeller):
    await table.load(scaler)

    await table.load(labeller)
    await table.retain(["labeller"])

    assert table.find_default().identity.name == "labeller"
    assert [entry.name for entry in table.entries()] == ["labeller"]
    with pytest.raises(NotFound):
        table.find("scaler")
    assert table.open_runtimes() == 1


async def test_a_model_is_loaded_with_the_settings_as_they_are_then(table, scaler):
    await table.load(scaler)

    table.change(Settings(max_batch_rows=3))

    assert table.find_default().batcher.max_rows == 8
    assert (await table.load(scaler)).batcher.max_rows == 3


async def test_a_state_without_a_model_can_be_noted(table):
    table.mark("scaler", "loading")

    with pytest.raises(NotReady, match="'scaler' is loading"):
        table.find("scaler")
