"""Starting, healthy, draining, failed; and a drain that waits for what is in flight."""

import asyncio

import pytest

from services.core.errors import NotReady
from services.core.health import Health
from tests.unit.parts import until


def test_a_new_server_is_starting():
    health = Health()

    assert health.status == "starting"
    health.check_accepting()


@pytest.mark.parametrize("status", ["starting", "healthy", "failed"])
def test_only_a_drain_keeps_a_loaded_model_from_being_ready(status):
    health = Health()
    health.status = status

    health.check_not_draining()
    health.status = "draining"
    with pytest.raises(NotReady) as caught:
        health.check_not_draining()

    assert (caught.value.reason, caught.value.retry_after_seconds) == ("draining", 1)


async def test_a_draining_server_is_not_ready_but_accepts_for_a_while():
    health = Health()
    health.status = "healthy"
    drain = asyncio.create_task(health.drain(wait_seconds=30, timeout_seconds=30))
    await asyncio.sleep(0)

    with pytest.raises(NotReady, match="draining"):
        health.check_not_draining()
    health.check_accepting()
    drain.cancel()
    await asyncio.gather(drain, return_exceptions=True)


async def test_after_the_wait_nothing_is_accepted():
    health = Health()

    assert await health.drain(wait_seconds=0, timeout_seconds=0)

    with pytest.raises(NotReady) as caught:
        health.check_accepting()
    assert caught.value.reason == "draining"


async def test_a_drain_ends_with_the_last_request_in_flight():
    health = Health()
    health.in_flight = 1
    drain = asyncio.create_task(health.drain(wait_seconds=0, timeout_seconds=30))
    await until(lambda: not health.accepting)
    assert not drain.done()

    health.in_flight = 0

    assert await asyncio.wait_for(drain, 5)


async def test_a_drain_gives_up_when_its_time_is_over():
    health = Health()
    health.in_flight = 1

    assert not await asyncio.wait_for(health.drain(wait_seconds=0, timeout_seconds=0.02), 5)
