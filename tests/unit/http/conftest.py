"""An application over a tiny real model, without a network."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from services.core.compiled_model import CompiledModel
from services.core.metrics import Metrics
from services.core.settings import Settings
from services.http.app import Application, create_app


@pytest.fixture
async def start(
    scaler: CompiledModel, tmp_path: Path, no_thread_left: None
) -> AsyncIterator[Callable[..., Awaitable[Application]]]:
    """Make applications that serve the scaler, without a prediction log."""
    made: list[Application] = []

    async def make(**settings: Any) -> Application:
        app = create_app(Settings(home=tmp_path, database_url="", **settings), Metrics("fastapi"))
        made.append(app)
        await app.server.table.load(scaler)
        app.server.health.status = "healthy"
        return app

    yield make
    for app in made:
        await app.server.stop()


@pytest.fixture
async def app(start: Callable[..., Awaitable[Application]]) -> Application:
    return await start()
