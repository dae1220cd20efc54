"""A table within a memory budget: who goes, who stays, and how an evicted model comes back; with real ONNX models."""

import asyncio
import itertools
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services import runtimes
from services.core import loaded_model
from services.core.comeback import Comebacks
from services.core.compiled_model import CompiledModel
from services.core.errors import NotReady, Overloaded
from services.core.loaded_model import LoadedModel
from services.core.metrics import Metrics
from services.core.model_table import ModelTable
from services.core.settings import Settings
from tests.unit import onnx_models

# What the tests say a load takes.
SIZE_BYTES = 1000


class Table(ModelTable):
    """A table with room for so many models, in which each takes as much as another; and its comebacks."""

    def __init__(self, room: int) -> None:
        self.metrics = Metrics("fastapi")
        super().__init__(runtimes.load, Settings(max_batch_rows=8, model_memory_bytes=room * SIZE_BYTES), self.metrics)
        self.comebacks = Comebacks(self, 2)

    def states(self) -> dict[str, str]:
        return {entry.name: entry.state for entry in self.entries()}

    def reason(self, name: str) -> str:
        return next(entry.reason for entry in self.entries() if entry.name == name)

    async def wait(self, name: str, seconds: float = 60.0) -> None:
        evicted = self.evicted(name)
        assert evicted is not None
        await self.comebacks.wait(name, evicted, seconds)


@pytest.fixture(autouse=True, scope="module")
def one_size() -> Iterator[None]:
    """Every model takes the same, whatever the process's memory does; and no file is larger."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loaded_model, "resident_bytes", itertools.count(0, SIZE_BYTES).__next__)
        patch.setattr(CompiledModel, "model_file_bytes", lambda self: SIZE_BYTES)
        yield


@pytest.fixture
async def table_with(no_thread_left: None) -> AsyncIterator[Callable[[int], Table]]:
    made: list[Table] = []

    def make(room: int) -> Table:
        made.append(Table(room))
        return made[-1]

    yield make
    for table in made:
        await table.comebacks.close()
        await table.close()


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., CompiledModel]:
    """Make the same small model under any name, in any version."""

    def make(name: str, version: str = "1") -> CompiledModel:
        compiled = onnx_models.scaler(tmp_path_factory.mktemp(name), version=version)
        (compiled.folder / "model.json").write_bytes(
            msgspec.json.encode(msgspec.structs.replace(compiled.manifest, name=name))
        )
        return onnx_models.compiled_model.read(compiled.folder, version=version, expected_digest=None)

    return make


def submit(model: LoadedModel) -> "asyncio.Future[object]":
    return model.batcher.submit({"features": np.array([[1.0, 2.0, 3.0]])}, 1, 30)


def use(model: LoadedModel, at: float) -> None:
    """Let a model have answered at a time to come."""
    model.statistics.last_at = model.used_at + at


async def test_the_least_recently_used_model_goes_for_one_more_and_the_index_says_why(table_with, named):
    table = table_with(2)
    use(await table.load(named("a")), 100)
    await table.load(named("b"))

    await table.load(named("c"))

    assert table.states() == {"a": "ready", "b": "unloaded", "c": "ready"}
    assert "freed for 'c' (TRIVET_MODEL_MEMORY_BYTES): the next request loads it again" in table.reason("b")
    assert b'inference_model_ready{engine="fastapi",model="b"' not in table.metrics.render()


async def test_without_a_budget_all_stay(table_with, named):
    table = table_with(0)

    for name in "abcd":
        await table.load(named(name))

    assert set(table.states().values()) == {"ready"}


async def test_a_model_alone_is_loaded_whatever_the_budget_and_never_evicted(table_with, named):
    table = table_with(1)
    table._eviction.budget_bytes = SIZE_BYTES // 2

    await table.load(named("a"))
    await table.load(named("a", "2"))

    assert table.states() == {"a": "ready"}


async def test_the_version_before_goes_before_another_model(table_with, named):
    table = table_with(2)
    await table.load(named("a"))
    await table.load(named("a", "2"))

    await table.load(named("b"))

    assert table.states() == {"a": "ready", "b": "ready"}
    assert table.previous("a") is None


async def test_what_has_requests_in_flight_stays_and_the_load_is_refused(table_with, named):
    table = table_with(1)
    pending = submit(await table.load(named("a")))

    with pytest.raises(NotReady, match="needs 1000 bytes beside what is in flight") as refused:
        await table.load(named("b"))

    assert (table.states(), refused.value.reason) == ({"a": "ready", "b": "unloaded"}, "no_memory")
    await pending
    await table.wait("b")
    assert table.states() == {"a": "unloaded", "b": "ready"}


async def test_a_model_larger_than_what_the_others_leave_goes_on_to_its_next_version(table_with, named):
    table = table_with(2)
    await table.load(named("a"))
    await table.load(named("b"))
    table.served("a").size_bytes = 5 * SIZE_BYTES // 2

    await table.load(named("a", "2"))

    assert table.states() == {"a": "ready", "b": "unloaded"}
    assert table.find("a").identity.version == "2"


async def test_a_candidate_counts_and_frees_others_but_not_what_it_runs_beside(table_with, named):
    table = table_with(2)
    use(await table.load(named("a")), -100)
    await table.load(named("b"))

    candidate = await table.load_beside(named("a", "2"), table._settings)

    assert table.states() == {"a": "ready", "b": "unloaded"}
    table.released_beside()
    await table.wait("b")
    assert table.states() == {"a": "ready", "b": "ready"}
    candidate.runtime.close()


async def test_a_candidate_is_refused_while_others_in_flight_leave_no_room(table_with, named):
    table = table_with(2)
    await table.load(named("a"))
    pending = submit(await table.load(named("b")))

    with pytest.raises(NotReady, match="needs 1000 bytes beside what is in flight"):
        await table.load_beside(named("a", "2"), table._settings)

    await pending
    assert table.states() == {"a": "ready", "b": "ready"}


async def test_requests_for_an_evicted_model_share_one_load_of_the_very_version(table_with, named):
    table = table_with(1)
    first = await table.load(named("a", "7"))
    await table.load(named("b"))

    await asyncio.gather(table.wait("a"), table.wait("a"))

    again = table.find("a")
    assert (again.identity, again is first) == (first.identity, False)
    assert (await submit(again)).outputs["probability"].ravel().tolist() == [10, 20, 30]
    assert table.metrics.registry.get_sample_value(
        "inference_model_load_duration_seconds_count", {"engine": "fastapi", "model": "a"}
    ) == 2  # fmt: skip


async def test_who_waits_too_long_or_behind_too_many_is_refused_and_the_load_goes_on(table_with, named):
    table = table_with(1)
    await table.load(named("a"))
    await table.load(named("b"))
    async with table._one_load:  # another load is under way
        patient = [asyncio.create_task(table.wait("a")) for _ in range(2)]
        await asyncio.sleep(0)

        with pytest.raises(Overloaded, match="2 requests wait for the model 'a'") as many:
            await table.wait("a")
        patient.pop().cancel()
        await asyncio.sleep(0)
        with pytest.raises(NotReady, match="'a' is loading") as late:
            await table.wait("a", 0.0)

    await asyncio.gather(*patient)
    assert table.find("a")
    assert (many.value.retry_after_seconds, late.value.retry_after_seconds) == (1, 1)


async def test_a_model_whose_files_changed_does_not_come_back_and_says_why(table_with, named, caplog):
    table = table_with(1)
    compiled = named("a")
    await table.load(compiled)
    await table.load(named("b"))
    shutil.copy(Path(compiled.folder, "model.json"), Path(compiled.folder, "more.json"))

    await table.wait("a")

    assert (table.states()["a"], table.evicted("a")) == ("failed", None)
    assert "was published" in table.reason("a")
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == ["not loaded again"]


async def test_an_evicted_model_that_is_unloaded_by_request_stays_so(table_with, named):
    table = table_with(1)
    await table.load(named("a"))
    await table.load(named("b"))

    await table.unload("a")

    assert (table.evicted("a"), table.reason("a")) == (None, "unloaded by request")


@given(room=st.integers(1, 4), asked=st.lists(st.sampled_from("abcde"), min_size=1, max_size=12))
def test_after_any_requests_those_used_last_are_loaded(one_size, named_models, room, asked):
    async def loaded() -> set[str]:
        table = Table(room)
        for at, name in enumerate(asked):
            model = table.served(name) or await table.load(named_models[name])
            model.statistics.last_at = 1e12 + at
        ready = {name for name, state in table.states().items() if state == "ready"}
        await table.close()
        return ready

    last_used = list(dict.fromkeys(reversed(asked)))[:room]
    assert asyncio.run(loaded()) == set(last_used)


@pytest.fixture(scope="module")
def named_models(named: Callable[..., CompiledModel]) -> dict[str, CompiledModel]:
    return {name: named(name) for name in "abcde"}
