"""One model under a flood and another one asked now and then: each has its own queue, bounds and turn."""

import asyncio

import pytest

from services.core.cost import Cost
from services.core.errors import Overloaded
from services.core.health import Health
from services.core.inference import Inference
from services.core.loaded_model import LoadedModel
from services.core.metrics import Metrics
from services.core.settings import Settings
from tests.unit.parts import QUICK, SLOW, EchoRuntime, rows, turn

FLOOD = 400
# One that had its turn before the other model's request came, and one that shares a turn of the loop with it.
MOST_BATCHES = 2


class Counted(EchoRuntime):
    """Notes every run in a list that both models share."""

    def __init__(self, name: str, order: list[str]) -> None:
        super().__init__()
        self._name, self._order = name, order

    def predict(self, inputs):
        self._order.append(self._name)
        return super().predict(inputs)


@pytest.fixture
async def pair(scaler, no_thread_left):
    """Two models, `a` and `b`, whose runs are noted in one list."""
    made: list[tuple[LoadedModel, EchoRuntime]] = []
    settings, metrics, order = Settings(max_batch_rows=8, max_queue_seconds=1000), Metrics("fastapi"), []

    def make(measured):
        for name in "ab":
            runtime = Counted(name, order)
            made.append((LoadedModel(scaler, runtime, Cost(measured), settings, metrics), runtime))
        (a, slow), (b, _) = made
        return Inference(Health(), settings, metrics), a, slow, b, order

    yield make
    for model, runtime in made:
        runtime.gate.set()
        await model.batcher.close()


async def test_on_the_loop_the_other_model_waits_for_two_batches_at_most(pair):
    inference, a, _, b, order = pair(QUICK)
    flood = [asyncio.create_task(inference.infer(a, rows(n))) for n in range(FLOOD)]
    for _ in range(5):
        asked = len(order)
        await inference.infer(b, rows(0))
        assert order[asked:].index("b") <= MOST_BATCHES

    await asyncio.gather(*flood)
    assert order.count("a") >= FLOOD // 8


async def test_in_threads_the_other_model_waits_for_none(pair):
    inference, a, runtime, b, _ = pair(SLOW)
    runtime.gate.clear()  # the flooded model's run does not end
    flood = [asyncio.create_task(inference.infer(a, rows(n))) for n in range(FLOOD)]
    await turn()

    for _ in range(5):
        await asyncio.wait_for(inference.infer(b, rows(0)), 60)

    assert not any(task.done() for task in flood)
    runtime.gate.set()
    await asyncio.gather(*flood)


async def test_a_full_queue_refuses_its_own_model_only(pair):
    inference, a, runtime, b, _ = pair(SLOW)
    runtime.gate.clear()
    flood = [asyncio.create_task(inference.infer(a, rows(n), 0.01)) for n in range(FLOOD)]
    await turn()

    refused = [task for task in flood if task.done() and isinstance(task.exception(), Overloaded)]
    assert refused
    assert (await asyncio.wait_for(inference.infer(b, rows(7)), 60)).outputs["prediction"].tolist() == [7]
    runtime.gate.set()
    await asyncio.gather(*flood, return_exceptions=True)
