"""The shadow: what it runs on and when, what it drops, and that nobody who asks notices."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.core.answers import Identity
from services.core.compiled_model import CompiledModel
from services.core.cost import Cost
from services.core.health import Health
from services.core.inference import Inference
from services.core.loaded_model import LoadedModel, Prepared
from services.core.metrics import Metrics
from services.core.settings import Settings
from services.core.shadow import RUN_SECONDS, Shadow
from tests.unit.parts import QUICK, EchoRuntime, matrix, rows, until

OUTCOMES = ("agreed", "changed", "failed", "dropped")
PRODUCTION: Any = SimpleNamespace(identity=Identity("scaler", "1", "first", "fastapi"))
ANSWERS = EchoRuntime()


class Watched(ThreadPoolExecutor):
    """Notes for each run how much was in flight when it began."""

    def __init__(self, health: Health) -> None:
        super().__init__(1, thread_name_prefix="trivet-shadow")
        self._health = health
        self.in_flight: list[int] = []

    def submit(self, *arguments: Any, **options: Any) -> Any:
        self.in_flight.append(self._health.in_flight)
        return super().submit(*arguments, **options)


class Beside(Shadow):
    """A shadow, and all that can be asked about it."""

    def __init__(self, draw: Callable[[], float] = lambda: 0.0, **options: Any) -> None:
        self.health, self.metrics = Health(), Metrics("fastapi")
        self.settings = Settings(**{"shadow_sample_ratio": 1, **options})
        super().__init__(self.settings, self.metrics, self.health, draw)
        self._pool.shutdown()
        self._pool = self.pool = Watched(self.health)

    async def run_on(self, compiled: CompiledModel, runtime: EchoRuntime, version: str = "2", measured: Any = QUICK):
        manifest = msgspec.structs.replace(compiled.manifest, signature=matrix(3))
        changed = msgspec.structs.replace(compiled, manifest=manifest, version=version, digest=f"of {version}")
        await self.take(Prepared(changed, runtime, Cost(measured)), self.settings)

    def answered(self, *firsts: float) -> None:
        inputs = rows(*firsts)
        self.offer(PRODUCTION, inputs, ANSWERS.predict(inputs), len(firsts))

    def counts(self, version: str = "2") -> dict[str, int]:
        labels = {"engine": "fastapi", "model": "scaler", "version": version}
        values = {
            outcome: self.metrics.registry.get_sample_value(
                "inference_shadow_rows_total", {**labels, "outcome": outcome}
            )
            for outcome in OUTCOMES
        }
        return {outcome: int(value) for outcome, value in values.items() if value}

    async def has_counted(self, count: int, version: str = "2") -> dict[str, int]:
        await until(lambda: sum(self.counts(version).values()) == count, 60)
        return self.counts(version)


@pytest.fixture
async def shadow(no_thread_left: None) -> AsyncIterator[Callable[..., Beside]]:
    made: list[Beside] = []

    def make(**options: Any) -> Beside:
        made.append(Beside(**options))
        return made[-1]

    yield make
    for beside in made:
        await beside.close()


async def test_what_is_answered_is_compared_and_measured(shadow, scaler):
    beside, runtime = shadow(), EchoRuntime(fails_on=7)
    await beside.run_on(scaler, runtime)

    beside.answered(1, 2)
    beside.answered(7)
    changed = rows(3)
    beside.offer(PRODUCTION, changed, {**ANSWERS.predict(changed), "prediction": rows(8)["features"][:, 0]}, 1)

    assert await beside.has_counted(4) == {"agreed": 2, "changed": 1, "failed": 1}
    labels = {"engine": "fastapi", "model": "scaler", "version": "2"}
    value_of = beside.metrics.registry.get_sample_value
    assert value_of("inference_shadow_score_difference_count", labels) == 3
    assert value_of("inference_shadow_compute_duration_seconds_count", labels) >= 1
    assert runtime.threads == {"trivet-shadow_0"}


async def test_all_outcomes_are_metrics_before_anything_is_compared(shadow, scaler):
    beside = shadow()
    await beside.run_on(scaler, EchoRuntime())

    found = [sample.value for family in beside.metrics.registry.collect() for sample in family.samples
             if sample.name == "inference_shadow_rows_total"]  # fmt: skip

    assert found == [0, 0, 0, 0]


async def test_nothing_runs_while_anything_is_in_flight(shadow, scaler):
    beside, runtime = shadow(), EchoRuntime()
    await beside.run_on(scaler, runtime)
    beside.health.in_flight = 1
    beside.answered(1)
    looks = 0

    def look_again() -> bool:
        nonlocal looks
        looks += beside._look is not None and beside._look.when() <= asyncio.get_running_loop().time()
        return looks > 3

    await until(look_again, 60)
    assert runtime.runs == []
    beside.health.in_flight = 0

    assert await beside.has_counted(1) == {"agreed": 1}


async def test_a_candidate_that_hangs_takes_no_more_than_its_queue(shadow, scaler):
    beside, runtime = shadow(shadow_queue_rows=10), EchoRuntime()
    await beside.run_on(scaler, runtime)
    runtime.gate.clear()
    beside.answered(0)
    await until(lambda: beside.pool.in_flight, 60)

    for number in range(1000):
        beside.answered(number)
    beside.answered(*range(11))  # more than would ever find room

    assert beside.counts() == {"dropped": 990 + 11}
    runtime.gate.set()
    assert await beside.has_counted(1012) == {"agreed": 11, "dropped": 1001}


async def test_a_request_that_is_too_large_in_bytes_is_dropped(shadow, scaler):
    size = rows(1)["features"].nbytes + sum(array.nbytes for array in ANSWERS.predict(rows(1)).values())
    beside = shadow(shadow_queue_max_bytes=2 * size)
    await beside.run_on(scaler, EchoRuntime())

    for number in range(3):
        beside.answered(number)

    assert await beside.has_counted(3) == {"agreed": 2, "dropped": 1}


async def test_a_run_is_short_and_a_large_request_runs_in_parts(shadow, scaler):
    beside, runtime = shadow(max_batch_rows=8), EchoRuntime()
    await beside.run_on(scaler, runtime, measured=((1, RUN_SECONDS / 4), (4, RUN_SECONDS)))

    beside.answered(1)
    beside.answered(*range(10))

    assert await beside.has_counted(11) == {"agreed": 11}
    assert [len(run) for run in runtime.runs] == [1, 4, 4, 2]


async def test_requests_that_are_unlike_do_not_share_a_run(shadow, scaler):
    beside, runtime = shadow(), EchoRuntime()
    await beside.run_on(scaler, runtime)

    beside.answered(1)
    wide = rows(2, columns=5)
    beside.offer(PRODUCTION, wide, ANSWERS.predict(wide), 1)

    assert await beside.has_counted(2) == {"agreed": 2}
    assert runtime.runs == [[1], [2]]


async def test_a_share_is_sampled(shadow, scaler):
    drawn = iter([0.0, 0.24, 0.25, 0.99])
    beside, runtime = shadow(shadow_sample_ratio=0.25, draw=lambda: next(drawn)), EchoRuntime()
    await beside.run_on(scaler, runtime)

    for number in range(4):
        beside.answered(number)

    assert await beside.has_counted(2) == {"agreed": 2}
    assert runtime.runs == [[0, 1]]


@pytest.mark.parametrize("identity", [{"name": "another"}, {"digest": "of 2"}])
async def test_another_model_and_the_same_files_are_not_compared(shadow, scaler, identity):
    beside = shadow()
    await beside.run_on(scaler, EchoRuntime())

    model: Any = SimpleNamespace(identity=msgspec.structs.replace(PRODUCTION.identity, **identity))
    beside.offer(model, rows(1), ANSWERS.predict(rows(1)), 1)

    assert not beside._waiting
    assert beside.counts() == {}


async def test_without_a_candidate_nothing_is_kept(shadow):
    beside = shadow()

    beside.answered(1)

    assert beside._look is None


async def test_another_candidate_counts_for_itself_and_the_one_before_is_freed(shadow, scaler):
    beside, first, second = shadow(), EchoRuntime(), EchoRuntime()
    await beside.run_on(scaler, first)
    first.gate.clear()
    beside.answered(1)
    await until(lambda: beside.pool.in_flight, 60)

    taking = asyncio.create_task(beside.run_on(scaler, second, version="3"))
    await asyncio.sleep(0)
    beside.answered(2)
    assert not first.closed
    first.gate.set()
    await taking

    assert first.closed
    assert await beside.has_counted(1, "2") == {"agreed": 1}
    assert await beside.has_counted(1, "3") == {"agreed": 1}


async def test_what_waits_at_the_end_is_counted_as_dropped(shadow, scaler):
    beside, runtime = shadow(), EchoRuntime()
    await beside.run_on(scaler, runtime)
    beside.health.in_flight = 1
    beside.answered(1, 2)

    await beside.release()

    assert (beside.counts(), runtime.closed, beside.identity) == ({"dropped": 2}, True, None)


async def test_a_failing_candidate_is_logged_once(shadow, scaler, caplog):
    beside = shadow()
    await beside.run_on(scaler, EchoRuntime(fails_on=1))

    for _ in range(3):
        beside.answered(1)

    assert await beside.has_counted(3) == {"failed": 3}
    assert [record.getMessage() for record in caplog.records] == ["the shadow fails on requests"]


# Rows of a request that is answered, or a change of what is in flight, or a moment.
EVENTS = st.lists(st.one_of(st.integers(1, 12), st.sampled_from(["busy", "idle", "moment"])), max_size=30)


@given(EVENTS, st.integers(1, 30))
@settings(max_examples=25)
def test_no_run_begins_beside_production_and_every_row_is_counted_once(scaler, events, queue_rows):
    async def live() -> None:
        beside = Beside(shadow_queue_rows=queue_rows)
        try:
            await beside.run_on(scaler, EchoRuntime(fails_on=3), measured=((1, RUN_SECONDS / 4), (4, RUN_SECONDS)))
            offered = 0
            for event in events:
                if isinstance(event, int):
                    beside.answered(*range(event))
                    offered += event
                    assert beside._rows <= queue_rows
                elif event == "moment":
                    await asyncio.sleep(0.002)
                else:
                    beside.health.in_flight = int(event == "busy")
            beside.health.in_flight = 0
            await beside.has_counted(offered)
            assert beside._rows == beside._bytes == 0
            assert set(beside.pool.in_flight) <= {0}
        finally:
            await beside.close()

    asyncio.run(live())


async def test_production_answers_as_ever_while_the_candidate_hangs(shadow, scaler):
    beside, hanging = shadow(shadow_queue_rows=5), EchoRuntime()
    await beside.run_on(scaler, hanging)
    manifest = msgspec.structs.replace(scaler.manifest, signature=matrix(3))
    compiled = msgspec.structs.replace(scaler, manifest=manifest)
    model = LoadedModel(compiled, EchoRuntime(), Cost(QUICK), beside.settings, beside.metrics)
    inference = Inference(beside.health, beside.settings, beside.metrics, beside)
    hanging.gate.clear()

    await inference.infer(model, rows(0))
    await until(lambda: beside.pool.in_flight, 60)
    outcomes = [await inference.infer(model, rows(number)) for number in range(50)]

    assert [outcome.outputs["prediction"].tolist() for outcome in outcomes] == [[number] for number in range(50)]
    assert beside.counts() == {"dropped": 45}
    hanging.gate.set()
    assert await beside.has_counted(51) == {"agreed": 6, "dropped": 45}
    await model.batcher.close()
