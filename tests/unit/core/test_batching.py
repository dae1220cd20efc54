"""Dynamic batching: what runs together, where, and what happens when a run fails or a client goes."""

import asyncio

import numpy as np
import pytest

from services.core.batching import INLINE_SECONDS
from services.core.errors import RuntimeFailed
from tests.unit.parts import QUICK, SLOW, EchoRuntime, rows, turn

BOTH = pytest.mark.parametrize("measured", [QUICK, SLOW], ids=["inline", "threaded"])


def first_of(outcome) -> list[float]:
    return outcome.outputs["prediction"].tolist()


@BOTH
async def test_each_request_gets_its_own_rows(queue_over, measured):
    runtime = EchoRuntime()
    queue = queue_over(runtime, measured)

    outcomes = await asyncio.gather(*(queue.submit(rows(n, n + 0.5), 2, 30) for n in range(0, 40, 2)))

    assert [first_of(outcome) for outcome in outcomes] == [[n, n + 0.5] for n in range(0, 40, 2)]
    assert np.array_equal(outcomes[3].outputs["probability"], rows(6, 6.5)["features"] * 2)


async def test_a_request_on_an_idle_loop_waits_for_nothing(queue_over):
    queue = queue_over(EchoRuntime())

    future = queue.submit(rows(1), 1, 30)
    await asyncio.sleep(0)

    assert first_of(future.result()) == [1]


async def test_requests_of_one_turn_of_the_loop_run_together(queue_over):
    runtime = EchoRuntime()
    queue = queue_over(runtime)

    await asyncio.gather(*(queue.submit(rows(n), 1, 30) for n in range(10)))

    assert runtime.runs == [list(range(10))]


async def test_what_comes_during_a_run_makes_the_next_batch(queue_over):
    runtime = EchoRuntime()
    runtime.gate.clear()
    queue = queue_over(runtime, SLOW)
    first = queue.submit(rows(0), 1, 30)
    await turn()

    rest = [queue.submit(rows(n), 1, 30) for n in range(1, 6)]
    assert queue.queued_rows == 5
    runtime.gate.set()
    await asyncio.gather(first, *rest)

    assert runtime.runs == [[0], [1, 2, 3, 4, 5]]
    assert queue.queued_rows == 0


@BOTH
async def test_no_run_has_more_rows_than_the_limit(queue_over, measured):
    runtime = EchoRuntime()
    queue = queue_over(runtime, measured, max_batch_rows=8)

    await asyncio.gather(*(queue.submit(rows(*[n] * 3), 3, 30) for n in range(9)))

    assert [len(run) for run in runtime.runs] == [6, 6, 6, 6, 3]


async def test_a_full_batch_does_not_wait(queue_over):
    runtime = EchoRuntime()
    queue = queue_over(runtime, max_batch_rows=4, batch_wait_seconds=10)

    futures = [queue.submit(rows(n), 1, 30) for n in range(4)]

    await asyncio.wait_for(asyncio.gather(*futures), 5)
    assert runtime.runs == [[0, 1, 2, 3]]


async def test_an_idle_runtime_waits_for_more_rows_when_told_to(queue_over):
    runtime = EchoRuntime()
    queue = queue_over(runtime, batch_wait_seconds=0.02)

    first = queue.submit(rows(1), 1, 30)
    await turn()
    assert not first.done()
    second = queue.submit(rows(2), 1, 30)
    await asyncio.gather(first, second)

    assert runtime.runs == [[1, 2]]


async def test_a_run_of_several_requests_stays_on_the_loop_only_when_it_is_expected_to_be_short(queue_over):
    for seconds, expected in ((INLINE_SECONDS * 0.9, "MainThread"), (INLINE_SECONDS * 1.1, "trivet-run_0")):
        runtime = EchoRuntime()
        queue = queue_over(runtime, ((1, seconds), (2, seconds)))

        await asyncio.gather(queue.submit(rows(1), 1, 30), queue.submit(rows(2), 1, 30))

        assert runtime.runs == [[1, 2]]
        assert runtime.threads == {expected}


async def test_a_model_without_a_batch_axis_runs_one_request_at_a_time(queue_over):
    runtime = EchoRuntime()
    queue = queue_over(runtime, batched=False)

    await asyncio.gather(*(queue.submit(rows(n, n), 1, 30) for n in range(3)))

    assert runtime.runs == [[0, 0], [1, 1], [2, 2]]


async def test_tensors_of_another_width_are_not_merged(queue_over):
    runtime = EchoRuntime()
    queue = queue_over(runtime)

    await asyncio.gather(*(queue.submit(rows(n, columns=2 + n // 2), 1, 30) for n in range(4)))

    assert runtime.runs == [[0, 1], [2, 3]]


@BOTH
async def test_a_request_that_fails_does_not_fail_its_neighbours(queue_over, measured):
    runtime = EchoRuntime(fails_on=3)
    queue = queue_over(runtime, measured)

    outcomes = await asyncio.gather(*(queue.submit(rows(n), 1, 30) for n in range(6)), return_exceptions=True)

    assert [first_of(outcome) for outcome in outcomes if not isinstance(outcome, Exception)] == [
        [0],
        [1],
        [2],
        [4],
        [5],
    ]
    assert isinstance(outcomes[3], RuntimeFailed)
    assert str(outcomes[3].__cause__) == "this row fails"
    assert "this row fails" not in outcomes[3].message


@BOTH
async def test_a_client_that_goes_away_leaves_the_others_their_rows(queue_over, measured):
    runtime = EchoRuntime()
    queue = queue_over(runtime, measured)
    futures = [queue.submit(rows(n), 1, 30) for n in range(6)]

    futures[2].cancel()
    outcomes = await asyncio.gather(*futures, return_exceptions=True)

    assert [first_of(outcome) for outcome in outcomes if not isinstance(outcome, BaseException)] == [
        [0],
        [1],
        [3],
        [4],
        [5],
    ]
    assert runtime.runs == [[0, 1, 3, 4, 5]]
    assert queue.queued_rows == 0


async def test_a_client_that_goes_away_during_its_run_hurts_nobody(queue_over):
    runtime = EchoRuntime()
    runtime.gate.clear()
    queue = queue_over(runtime, SLOW)
    futures = [queue.submit(rows(n), 1, 30) for n in range(3)]
    await turn()

    futures[1].cancel()
    runtime.gate.set()
    outcomes = await asyncio.gather(*futures, return_exceptions=True)

    assert [first_of(outcomes[0]), first_of(outcomes[2])] == [[0], [2]]


async def test_an_outcome_says_where_the_time_went(queue_over):
    queue = queue_over(EchoRuntime(), SLOW)

    outcome = await queue.submit(rows(1), 1, 30)

    assert outcome.queue_seconds >= 0
    assert outcome.compute_seconds > 0
