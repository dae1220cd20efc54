"""Many requests at once, each answer kept with what was sent."""

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import httpx

from tests.service.server import CLIENT_SECONDS, client_of


def together(calls: Iterable[Callable[[], Any]], clients: int = 32) -> list[Any]:
    """Run calls, so many at a time, and return their results in order."""
    with ThreadPoolExecutor(clients) as pool:
        return [future.result(CLIENT_SECONDS) for future in _submitted(pool, calls)]


def _submitted(pool: ThreadPoolExecutor, calls: Iterable[Callable[[], Any]]) -> list[Future[Any]]:
    return [pool.submit(call) for call in calls]


def pooled(url: str, connections: int = 64) -> httpx.Client:
    """Return a client that many threads may share, with a connection for each."""
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
    return client_of(url, limits=limits)
