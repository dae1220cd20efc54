"""Whether the server lives, is ready, and still accepts; and the drain that ends it."""

import asyncio
from typing import Literal

from services.core.errors import NotReady

# How often a drain looks whether the last answer has gone.
LOOK_SECONDS = 0.01

Status = Literal["starting", "healthy", "draining", "failed"]


class Health:
    """The state of one server process.

    starting → healthy → draining, or starting → failed. While draining, readiness is false; requests are still
    accepted until the drain's wait is over, because those in front of the server learn of it with a delay.
    """

    def __init__(self) -> None:
        self.status: Status = "starting"
        self.accepting = True
        self.in_flight = 0

    def check_accepting(self) -> None:
        """Raise NotReady once the drain's wait is over."""
        if not self.accepting:
            raise NotReady(
                "the server is draining: send the request to another", reason="draining", retry_after_seconds=1
            )

    def check_not_draining(self) -> None:
        """Raise NotReady while the server drains, also while it still accepts."""
        if self.status == "draining":
            raise NotReady("the server is draining", reason="draining", retry_after_seconds=1)

    async def drain(self, wait_seconds: float, timeout_seconds: float) -> bool:
        """Stop being ready, then stop accepting, then wait for what is in flight; False when the time ran out."""
        self.status = "draining"
        await asyncio.sleep(wait_seconds)
        self.accepting = False
        deadline = asyncio.get_running_loop().time() + timeout_seconds
        while self.in_flight:
            if asyncio.get_running_loop().time() >= deadline:
                return False
            await asyncio.sleep(LOOK_SECONDS)
        return True
