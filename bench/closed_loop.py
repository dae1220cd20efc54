"""A closed loop: so many connections, each sending its next request as soon as it has its answer."""

import time
from collections.abc import Callable
from itertools import count

from bench.http1 import address
from bench.recording import Recording
from bench.workload import Workload
from services.load.client import Client
from services.load.connection import Connection

# How often the loop looks for requests that have waited too long.
LOOK_SECONDS = 0.5
# A server that refuses every connection must not be asked in a tight loop.
RECONNECT_SECONDS = 0.01


def run(port: int, workload: Workload, *, connections: int, seconds: float, timeout_seconds: float = 10.0) -> Recording:
    """Load 127.0.0.1:port for so long; what is unanswered at the end is not counted."""
    indices = count()

    def send_next(connection: Connection) -> None:
        client.send_on(connection, next(indices), client.now())

    recording = Recording()
    client = Client(address(port), workload, connections, recording, send_next)
    with client.measuring():
        look_seconds = 0.0
        while (now := client.now()) < seconds:
            if now >= look_seconds:
                client.drop_late(timeout_seconds)
                look_seconds = now + LOOK_SECONDS
            if len(client.open) < connections:
                _connect(client, send_next)
            client.wait(min(now + LOOK_SECONDS, seconds))
    return recording


def _connect(client: Client, send_next: Callable[[Connection], None]) -> None:
    while len(client.open) < client.most:
        connection = client.connect(client.now())
        if connection is None:
            time.sleep(RECONNECT_SECONDS)
            return
        send_next(connection)
