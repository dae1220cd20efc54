"""Expired work is dropped before it runs; closing waits for the rest."""

import asyncio
import threading

import pytest

from services.core.admission import Ahead
from services.core.errors import DeadlineExceeded, NotReady
from tests.unit.parts import QUICK, SLOW, EchoRuntime, ManualClock, rows, turn

BOTH = pytest.mark.parametrize("measured", [QUICK, SLOW], ids=["inline", "threaded"])


async def test_work_whose_deadline_passed_never_runs(queue_over):
    runtime, clock = EchoRuntime(), ManualClock()
    queue = queue_over(runtime, clock=clock)
    late, in_time = queue.submit(rows(1), 1, 5), queue.submit(rows(2), 1, 50)

    clock.now += 5
    outcome = await in_time

    with pytest.raises(DeadlineExceeded):
        await late
    assert outcome.outputs["prediction"].tolist() == [2]
    assert runtime.runs == [[2]]
    assert queue.queued_rows == 0


async def test_a_deadline_that_passes_during_anothers_run_is_answered_at_once(queue_over):
    runtime = EchoRuntime()
    runtime.gate.clear()
    queue = queue_over(runtime, SLOW)
    running = queue.submit(rows(1), 1, 30)
    await turn()

    with pytest.raises(DeadlineExceeded):
        await asyncio.wait_for(queue.submit(rows(2), 1, 0.01), 5)

    assert not running.done()
    runtime.gate.set()
    await running
    assert runtime.runs == [[1]]


async def test_who_did_not_fit_the_next_run_is_answered_at_its_deadline_too(queue_over):
    runtime = EchoRuntime()
    runtime.gate.clear()
    queue = queue_over(runtime, SLOW, max_batch_rows=2)
    running = [queue.submit(rows(1), 1, 30)]
    left_over = queue.submit(rows(2, 3), 2, 0.02)
    await turn()

    with pytest.raises(DeadlineExceeded):
        await asyncio.wait_for(left_over, 5)

    assert not running[0].done()
    runtime.gate.set()
    await asyncio.gather(*running)


async def test_a_large_request_whose_deadline_passes_between_its_parts_stops(queue_over):
    runtime, clock = EchoRuntime(), ManualClock()
    runtime.gate.clear()
    queue = queue_over(runtime, ((1, 0.01), (2, 0.02)), max_batch_rows=2, clock=clock)
    large = queue.submit(rows(*range(100)), 100, 5)
    await turn()

    clock.now += 6
    runtime.gate.set()

    with pytest.raises(DeadlineExceeded):
        await large
    assert len(runtime.runs) == 1
    assert queue.queued_rows == 0


async def test_what_is_ahead_tells_the_run_in_progress_until_its_expected_end(queue_over):
    runtime, clock = EchoRuntime(), ManualClock()
    runtime.gate.clear()
    queue = queue_over(runtime, ((1, 0.5),), clock=clock)
    assert queue.ahead() == Ahead(requests=0, running_rows=0, queued_rows=0, busy_seconds=0)

    futures = [queue.submit(rows(1), 1, 30)]
    await turn()
    futures.append(queue.submit(rows(1, 2), 2, 30))

    assert queue.ahead() == Ahead(2, 1, 2, pytest.approx(0.5))
    clock.now += 0.2
    assert queue.ahead().busy_seconds == pytest.approx(0.3)
    clock.now += 9
    assert queue.ahead().busy_seconds == 0
    runtime.gate.set()
    await asyncio.gather(*futures)


@BOTH
async def test_close_waits_for_all_work_and_leaves_no_thread(queue_over, measured):
    runtime = EchoRuntime()
    queue = queue_over(runtime, measured, max_batch_rows=4)
    futures = [queue.submit(rows(n), 1, 30) for n in range(30)] + [queue.submit(rows(*range(40)), 40, 30)]

    await queue.close()

    assert all(future.done() for future in futures)
    assert sum(len(run) for run in runtime.runs) == 70
    assert runtime.closed
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("trivet-run")]


async def test_close_waits_for_a_batch_that_waits_for_more_rows(queue_over):
    queue = queue_over(EchoRuntime(), batch_wait_seconds=0.02)
    future = queue.submit(rows(1), 1, 30)

    await queue.close()

    assert future.result().outputs["prediction"].tolist() == [1]


async def test_two_who_close_at_once_both_return(queue_over):
    runtime = EchoRuntime()
    runtime.gate.clear()
    queue = queue_over(runtime, SLOW)
    future = queue.submit(rows(1), 1, 30)
    await turn()

    closing = [asyncio.create_task(queue.close()) for _ in range(2)]
    await turn()
    runtime.gate.set()

    await asyncio.wait_for(asyncio.gather(*closing), 5)
    assert future.done()


@BOTH
async def test_work_for_a_closed_model_is_refused_and_never_hangs(queue_over, measured):
    queue = queue_over(EchoRuntime(), measured)
    await queue.close()

    with pytest.raises(NotReady):
        await asyncio.wait_for(queue.submit(rows(1), 1, 30), 5)
