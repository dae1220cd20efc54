"""Batchers that end with their test, also when it fails."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from services.core.batching import Batcher
from tests.unit.parts import EchoRuntime, batcher


@pytest.fixture
async def queue_over(no_thread_left: None) -> AsyncIterator[Callable[..., Batcher]]:
    """Make batchers; see `parts.batcher`."""
    made: list[tuple[EchoRuntime, Batcher]] = []

    def make(runtime: EchoRuntime, *arguments: Any, **options: Any) -> Batcher:
        made.append((runtime, batcher(runtime, *arguments, **options)))
        return made[-1][1]

    yield make
    for runtime, queue in made:
        runtime.gate.set()
        await queue.close()
