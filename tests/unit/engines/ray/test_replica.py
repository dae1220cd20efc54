"""When Ray may send requests to a replica."""

import asyncio
from collections.abc import Coroutine
from types import SimpleNamespace
from typing import Any

import pytest

from services.core.entry import Entry
from services.core.health import Health
from services.engines.ray import replica
from services.engines.ray.replica import Predictor


def _checked(
    health: Health, *, on_cluster: bool = True, has_peers: bool = False, reason: str = ""
) -> Coroutine[Any, Any, None]:
    """Return the health check of a replica with this health, without a Ray around it."""
    table = SimpleNamespace(entries=lambda: [Entry("iris", "failed", reason)])
    server = SimpleNamespace(health=health, table=table)
    application = SimpleNamespace(server=server)
    return Predictor.check_health(
        SimpleNamespace(_on_cluster=on_cluster, _has_peers=has_peers, _application=application)
    )


@pytest.mark.parametrize("where", [{"on_cluster": True}, {"on_cluster": False, "has_peers": True}])
async def test_the_first_health_check_waits_for_the_model(where):
    health = Health()
    check = asyncio.create_task(_checked(health, **where))

    done, _ = await asyncio.wait([check], timeout=0.2)
    health.status = "healthy"

    assert not done
    await asyncio.wait_for(check, 5)


async def test_a_replica_without_a_model_says_why():
    health = Health()
    health.status = "failed"

    with pytest.raises(RuntimeError, match="could not be loaded: there is no alias 'production'"):
        await _checked(health, reason="there is no alias 'production'")


async def test_under_trivet_serve_it_answers_without_a_model():
    health = Health()
    health.status = "failed"

    await _checked(health, on_cluster=False)


async def test_alone_under_trivet_serve_it_says_that_it_starts():
    await asyncio.wait_for(_checked(Health(), on_cluster=False), 1)


async def test_one_of_several_under_trivet_serve_does_not_wait_for_ever(monkeypatch):
    monkeypatch.setattr(replica, "LATE_SECONDS", 0.1)

    await asyncio.wait_for(_checked(Health(), on_cluster=False, has_peers=True), 5)
