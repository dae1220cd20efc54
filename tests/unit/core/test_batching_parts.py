"""A request larger than a batch runs in parts, and lets others in between them."""

import asyncio

import numpy as np
import pytest

from services.core import batching
from services.core.batching import ALONE_PART_SECONDS, TURN_SECONDS
from services.core.errors import RuntimeFailed
from services.core.jobs import execute
from services.core.tensors import Tensors
from tests.unit.parts import QUICK, SLOW, EchoRuntime, rows

BOTH = pytest.mark.parametrize("measured", [QUICK, SLOW], ids=["inline", "threaded"])


@BOTH
@pytest.mark.parametrize("count", [9, 16, 17, 100])
async def test_a_large_request_gets_all_its_rows_in_order(queue_over, measured, count):
    runtime = EchoRuntime()
    queue = queue_over(runtime, measured, max_batch_rows=8)

    outcome = await queue.submit(rows(*range(count)), count, 30)

    assert outcome.outputs["prediction"].tolist() == list(range(count))
    assert np.array_equal(outcome.outputs["probability"], rows(*range(count))["features"] * 2)
    assert max(len(run) for run in runtime.runs) == 8


async def test_a_large_request_counts_in_the_queue_as_one_batch(queue_over):
    runtime = EchoRuntime()
    runtime.gate.clear()
    queue = queue_over(runtime, ((1, 0.02),), max_batch_rows=8)

    future = queue.submit(rows(*range(100)), 100, 30)
    assert queue.queued_rows == 8
    await asyncio.sleep(0)
    assert queue.queued_rows == 8

    runtime.gate.set()
    await future
    assert queue.queued_rows == 0


async def test_others_are_served_between_the_parts_of_a_large_request(queue_over):
    runtime = EchoRuntime()
    runtime.gate.clear()
    queue = queue_over(runtime, ((1, 0.02), (2, 0.04)), max_batch_rows=2)
    large = queue.submit(rows(*range(100, 120)), 20, 30)
    await asyncio.sleep(0)

    small = [queue.submit(rows(n), 1, 30) for n in range(2)]
    runtime.gate.set()
    await asyncio.gather(*small)

    assert not large.done()
    assert [0, 1] in runtime.runs[:3]
    await large


async def test_two_large_requests_take_turns(queue_over):
    runtime = EchoRuntime()
    queue = queue_over(runtime, ((1, 0.02), (2, 0.04)), max_batch_rows=2)

    await asyncio.gather(queue.submit(rows(*range(8)), 8, 30), queue.submit(rows(*range(10, 18)), 8, 30))

    assert runtime.runs == [[0, 1], [2, 3], [10, 11], [4, 5], [12, 13], [6, 7], [14, 15], [16, 17]]


async def test_the_last_part_shares_its_run_with_others(queue_over):
    runtime = EchoRuntime()
    runtime.gate.clear()
    queue = queue_over(runtime, ((1, 0.02), (4, 0.04)), max_batch_rows=4)
    large = queue.submit(rows(1, 2, 3, 4, 5), 5, 30)

    small = queue.submit(rows(7), 1, 30)
    runtime.gate.set()
    outcomes = await asyncio.gather(large, small)

    assert runtime.runs == [[1, 2, 3, 4], [5, 7]]
    assert [outcome.outputs["prediction"].tolist() for outcome in outcomes] == [[1, 2, 3, 4, 5], [7]]


async def test_one_turn_of_parts_is_no_longer_than_promised(queue_over, monkeypatch):
    runtime = EchoRuntime()
    part_seconds = TURN_SECONDS / 4
    queue = queue_over(runtime, ((1, part_seconds), (2, part_seconds)), max_batch_rows=2)
    turns: list[int] = []
    monkeypatch.setattr(
        batching, "execute", lambda model, batches: turns.append(len(batches)) or execute(model, batches)
    )
    queue._cost.observe = lambda *_: None  # the stand-in is quicker than it is said to be

    await queue.submit(rows(*range(40)), 40, 30)

    assert max(turns) == 4
    assert sum(turns) == 20


@BOTH
async def test_a_large_request_that_fails_in_one_part_fails_once_and_stops(queue_over, measured):
    runtime = EchoRuntime(fails_on=5)
    queue = queue_over(runtime, measured, max_batch_rows=2)

    with pytest.raises(RuntimeFailed):
        await queue.submit(rows(*range(1000)), 1000, 30)

    assert (await queue.submit(rows(1), 1, 30)).outputs["prediction"].tolist() == [1]
    assert queue.queued_rows == 0


async def test_a_large_request_whose_client_goes_away_stops(queue_over):
    runtime = EchoRuntime()
    runtime.gate.clear()
    queue = queue_over(runtime, ((1, 0.02), (2, 0.04)), max_batch_rows=2)
    large = queue.submit(rows(*range(100)), 100, 30)

    large.cancel()
    runtime.gate.set()
    assert (await queue.submit(rows(1), 1, 30)).outputs["prediction"].tolist() == [1]

    assert runtime.runs == [[0, 1], [1]]
    assert queue.queued_rows == 0


class WidestRow(EchoRuntime):
    """A model whose answer is as wide as its batch has rows, so that the parts of one request do not join."""

    def predict(self, inputs: Tensors) -> Tensors:
        return {"prediction": np.zeros((len(inputs["features"]), len(inputs["features"])))}


@BOTH
async def test_parts_that_do_not_join_fail_their_request_and_nobody_else(queue_over, measured):
    queue = queue_over(WidestRow(), measured, max_batch_rows=2)
    large, small = queue.submit(rows(1, 2, 3, 4, 5), 5, 30), queue.submit(rows(6), 1, 30)

    with pytest.raises(RuntimeFailed):
        await asyncio.wait_for(large, 5)

    assert len((await asyncio.wait_for(small, 5)).outputs["prediction"]) == 1


@pytest.mark.parametrize(
    ("part_seconds", "parts", "where"),
    [
        (ALONE_PART_SECONDS * 0.9, 4, "MainThread"),
        (ALONE_PART_SECONDS * 1.1, 3, "trivet-run_0"),
        (ALONE_PART_SECONDS * 0.9, 5, "trivet-run_0"),
    ],
)
async def test_a_request_that_is_alone_stays_on_the_loop_while_its_parts_and_all_of_it_are_short(
    queue_over, part_seconds, parts, where
):
    runtime = EchoRuntime()
    queue = queue_over(runtime, ((1, part_seconds / 2), (2, part_seconds)), max_batch_rows=2)

    await queue.submit(rows(*range(2 * parts)), 2 * parts, 30)

    assert runtime.threads == {where}


async def test_a_short_request_on_the_loop_lets_others_run_between_its_parts(queue_over):
    runtime = EchoRuntime()
    queue = queue_over(runtime, ((1, ALONE_PART_SECONDS / 4), (2, ALONE_PART_SECONDS / 2)), max_batch_rows=2)

    large, small = queue.submit(rows(*range(8)), 8, 30), queue.submit(rows(9), 1, 30)
    await asyncio.gather(large, small)

    assert runtime.runs == [[0, 1], [2, 3], [9], [4, 5], [6, 7]]
