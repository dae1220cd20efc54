"""Rows never mix: whatever comes together, each request is answered by its own rows, once."""

import asyncio

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.core.errors import RuntimeFailed
from tests.unit.parts import QUICK, SLOW, EchoRuntime, batcher

# How many rows a request has, after how many turns of the loop it comes, and what becomes of it.
REQUESTS = st.lists(
    st.tuples(st.integers(1, 40), st.integers(0, 3), st.sampled_from(["kept", "kept", "kept", "cancelled", "failing"])),
    min_size=1,
    max_size=25,
)
FAILING = -1.0


def features_of(number: int, count: int, fate: str) -> np.ndarray:
    """Return rows that say which request and which of its rows they are."""
    features = number * 1000.0 + np.arange(count, dtype=np.float64)[:, None] * [1, 0] + [0, 0.5]
    if fate == "failing":
        features[count // 2, 0] = FAILING
    return features


async def one(queue, number: int, count: int, turns: int, fate: str) -> object:
    for _ in range(turns):
        await asyncio.sleep(0)
    future = queue.submit({"features": features_of(number, count, fate)}, count, 30)
    if fate == "cancelled":
        asyncio.get_running_loop().call_soon(future.cancel)
    return await future


async def answered(requests: list[tuple[int, int, str]], measured, max_batch_rows: int) -> list[object]:
    runtime = EchoRuntime(fails_on=FAILING)
    queue = batcher(runtime, measured, max_batch_rows=max_batch_rows)
    work = [one(queue, number, *request) for number, request in enumerate(requests)]
    outcomes = await asyncio.wait_for(asyncio.gather(*work, return_exceptions=True), 20)
    await queue.close()
    assert queue.queued_rows == 0
    assert all(len(run) <= max_batch_rows for run in runtime.runs)
    return outcomes


@pytest.mark.parametrize("measured", [QUICK, SLOW, ((1, 1e-7), (64, 3e-4))], ids=["inline", "threaded", "both"])
def test_every_request_is_answered_by_its_own_rows(measured):
    @given(REQUESTS, st.integers(1, 32))
    @settings(max_examples=60)
    def holds(requests, max_batch_rows):
        outcomes = asyncio.run(answered(requests, measured, max_batch_rows))

        for number, ((count, _, fate), outcome) in enumerate(zip(requests, outcomes, strict=True)):
            if fate == "failing":
                assert isinstance(outcome, RuntimeFailed)
            elif fate == "kept" or not isinstance(outcome, asyncio.CancelledError):
                features = features_of(number, count, fate)
                assert np.array_equal(outcome.outputs["prediction"], features[:, 0])
                assert np.array_equal(outcome.outputs["probability"], features * 2)

    holds()
