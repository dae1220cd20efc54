"""One inference: check, admit, batch, count; and what is counted when it does not come to an answer."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import numpy as np
import pytest

from services.core import inference as module
from services.core.compiled_model import CompiledModel
from services.core.cost import Cost
from services.core.errors import DeadlineExceeded, NotReady, Overloaded, RuntimeFailed, TooLarge, UnfitInput
from services.core.health import Health
from services.core.inference import Inference
from services.core.loaded_model import LoadedModel
from services.core.metrics import Metrics
from services.core.settings import Settings
from tests.unit.parts import QUICK, SLOW, EchoRuntime, matrix, rows, turn


class Served:
    """A model over an EchoRuntime, and all that stands around it."""

    def __init__(self, compiled: CompiledModel, runtime: EchoRuntime, measured: Any, **settings: Any) -> None:
        manifest = msgspec.structs.replace(compiled.manifest, signature=matrix(3))
        self.settings, self.metrics, self.health = Settings(**settings), Metrics("fastapi"), Health()
        self.model = LoadedModel(
            msgspec.structs.replace(compiled, manifest=manifest), runtime, Cost(measured), self.settings, self.metrics
        )
        self.inference = Inference(self.health, self.settings, self.metrics)
        self.runtime = runtime

    async def infer(self, *firsts: float, timeout_seconds: float | None = None) -> Any:
        return await self.inference.infer(self.model, rows(*firsts), timeout_seconds)

    def metric(self, name: str, **labels: str) -> float | None:
        given = {"engine": "fastapi", "model": "scaler", **labels}
        return self.metrics.registry.get_sample_value(f"inference_{name}", given)

    def counts(self) -> tuple[float | None, int]:
        return self.metric("requests_in_flight"), self.health.in_flight


@pytest.fixture
async def serve(scaler: CompiledModel, no_thread_left: None) -> AsyncIterator[Callable[..., Served]]:
    made: list[Served] = []

    def make(measured: Any = QUICK, *, fails_on: float | None = None, **settings: Any) -> Served:
        made.append(Served(scaler, EchoRuntime(fails_on=fails_on), measured, **settings))
        return made[-1]

    yield make
    for served in made:
        served.runtime.gate.set()
        await served.model.batcher.close()


async def test_a_request_is_answered_and_counted(serve):
    served = serve()

    outcome = await served.infer(1, 2)

    assert outcome.outputs["prediction"].tolist() == [1, 2]
    assert served.counts() == (0, 0)
    assert served.metric("batch_rows_sum") == 2
    assert served.metric("queue_duration_seconds_count") == served.metric("compute_duration_seconds_count") == 1
    assert served.model.statistics.described()["inference_stats"]["success"]["count"] == 1


async def test_work_is_in_flight_from_admission_to_answer(serve):
    served = serve(SLOW)
    served.runtime.gate.clear()
    work = [asyncio.create_task(served.infer(n)) for n in range(3)]
    await turn()

    assert served.counts() == (3, 3)
    served.runtime.gate.set()
    await asyncio.gather(*work)

    assert served.counts() == (0, 0)


async def test_the_backlog_is_a_metric(serve):
    served = serve(((1, 0.02),), max_batch_rows=1)
    served.runtime.gate.clear()
    work = [asyncio.create_task(served.infer(n)) for n in range(3)]
    await turn()

    assert served.model.batcher.queued_rows == 2
    served.runtime.gate.set()
    await asyncio.gather(*work)

    assert served.metric("queue_rows") == 0


async def test_an_unfit_input_runs_nothing(serve):
    served = serve()

    with pytest.raises(UnfitInput):
        await served.inference.infer(served.model, {"features": np.zeros((1, 4))})

    assert served.runtime.runs == []
    assert served.counts() == (0, 0)


async def test_more_rows_than_allowed_are_too_large_and_the_limit_is_named(serve):
    served = serve(max_request_rows=5)

    await served.infer(*range(5))
    with pytest.raises(TooLarge, match=r"has 6 rows, and at most 5 \(TRIVET_MAX_REQUEST_ROWS\)"):
        await served.infer(*range(6))


async def test_a_full_queue_is_refused_and_counted(serve):
    served = serve(((1, 0.02),), max_batch_rows=1, max_queue_rows=2, max_queue_seconds=30)
    served.runtime.gate.clear()
    work = [asyncio.create_task(served.infer(n)) for n in range(3)]
    await turn()

    with pytest.raises(Overloaded) as caught:
        await served.infer(9)

    assert caught.value.reason == "queue_full"
    assert caught.value.retry_after_seconds >= 1
    assert served.metric("refused_total", reason="queue_full") == 1
    served.runtime.gate.set()
    await asyncio.gather(*work)


async def test_a_full_queue_is_told_before_anything_is_decoded(serve):
    served = serve(((1, 0.02),), max_batch_rows=1, max_queue_rows=2, max_queue_seconds=30)
    served.inference.check_room(served.model, 100)
    served.runtime.gate.clear()
    work = [asyncio.create_task(served.infer(n)) for n in range(3)]
    await turn()

    with pytest.raises(Overloaded, match="queue"):
        served.inference.check_room(served.model, 100)

    assert served.metric("refused_total", reason="queue_full") == 1
    served.runtime.gate.set()
    await asyncio.gather(*work)
    served.inference.check_room(served.model, 100)


async def test_a_body_counts_before_it_is_decoded_as_many_rows_as_others_had_for_its_size(serve):
    served = serve(((1, 0.02), (8, 0.16)), max_batch_rows=8, max_queue_rows=8, max_queue_seconds=30)
    await served.inference.infer(served.model, rows(0, 1, 2, 3), body_bytes=400)
    served.runtime.gate.clear()
    work = [asyncio.create_task(served.infer(*range(8)))]
    await turn()
    work.append(asyncio.create_task(served.infer(*range(4))))
    await turn()

    served.inference.check_room(served.model, 499)
    with pytest.raises(Overloaded, match="queue"):
        served.inference.check_room(served.model, 500)

    served.runtime.gate.set()
    await asyncio.gather(*work)


async def test_a_deadline_that_cannot_be_met_is_refused_before_it_runs(serve):
    served = serve(((1, 5.0),))

    with pytest.raises(Overloaded, match="deadline"):
        await served.infer(1, timeout_seconds=1)

    assert served.runtime.runs == []
    assert served.metric("refused_total", reason="deadline") == 1


async def test_the_servers_own_deadline_caps_the_clients(serve):
    served = serve(((1, 5.0),), request_timeout_seconds=1)

    for asked in (None, 100):
        with pytest.raises(Overloaded, match=r"the deadline is in 1\.000000 s"):
            await served.infer(1, timeout_seconds=asked)


async def test_a_deadline_that_passes_is_counted_as_failed(serve):
    served = serve(SLOW)
    served.runtime.gate.clear()
    first = asyncio.create_task(served.infer(1))
    await turn()

    with pytest.raises(DeadlineExceeded):
        await served.infer(2, timeout_seconds=0.02)

    served.runtime.gate.set()
    await first
    assert served.counts() == (0, 0)
    assert served.model.statistics.described()["inference_stats"]["fail"]["count"] == 1


async def test_a_failure_and_a_client_that_goes_leave_nothing_in_flight(serve):
    served = serve(SLOW, fails_on=1)
    served.runtime.gate.clear()
    gone = asyncio.create_task(served.infer(2))
    await turn()
    gone.cancel()
    served.runtime.gate.set()

    with pytest.raises(RuntimeFailed):
        await served.infer(1)
    with pytest.raises(asyncio.CancelledError):
        await gone

    assert served.counts() == (0, 0)


async def test_a_drained_server_accepts_nothing_more(serve):
    served = serve()
    served.health.accepting = False

    with pytest.raises(NotReady, match="draining"):
        await served.infer(1)

    assert served.runtime.runs == []


@pytest.mark.parametrize("over", [False, True])
async def test_many_bytes_are_looked_at_in_a_thread(serve, monkeypatch, over):
    served = serve()
    inputs = rows(*range(100))
    monkeypatch.setattr(module, "INLINE_BYTES", inputs["features"].nbytes - over)
    seen = []

    class Spying(type(served.model.signature)):
        def check(self, tensors):
            seen.append(threading.current_thread() is threading.main_thread())
            return super().check(tensors)

    served.model.signature = Spying(served.model.signature.inputs, served.model.signature.outputs)
    await served.inference.infer(served.model, inputs)

    assert seen == [not over]
