"""Blocking work that may hang, such as a registry's, in a thread that nobody waits for at the end."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


async def aside(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return what the work returns, or raise what it raises.

    Unlike with `asyncio.to_thread`, a process that ends does not wait for it.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def run() -> None:
        tell: Callable[[Any], None] = done.set_result
        value: Any
        try:
            value = work(*args, **kwargs)
        except Exception as error:  # the caller's to handle
            tell, value = done.set_exception, error
        with contextlib.suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(_finish, done, tell, value)

    threading.Thread(target=run, name="aside", daemon=True).start()
    return await done


def _finish(done: "asyncio.Future[Any]", tell: Callable[[Any], None], value: Any) -> None:
    if not done.done():  # else whoever waited was cancelled
        tell(value)
