"""When Ray may send requests to a replica."""

import asyncio
from collections.abc import Coroutine
from types import SimpleNamespace
from typing import Any

import pytest

from services.core.entry import Entry
from services.core.health import Health
from services.engines.ray.replica import Predictor


def _checked(health: Health, *, on_cluster: bool = True, reason: str = "") -> Coroutine[Any, Any, None]:
    """Return the health check of a replica with this health, without a Ray around it."""
    table = SimpleNamespace(entries=lambda: [Entry("iris", "failed", reason)])
    server = SimpleNamespace(health=health, table=table)
    return Predictor.check_health(SimpleNamespace(_on_cluster=on_cluster, _application=SimpleNamespace(server=server)))


async def test_the_first_health_check_waits_for_the_model():
    health = Health()
    check = asyncio.create_task(_checked(health))

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
