"""A closed loop: so many connections, each sending its next request as soon as it has its answer."""

import time
from itertools import count

from bench.http1 import Connection
from bench.pool import Pool, clock, measuring
from bench.recording import Recording
from bench.workload import Workload

# How often the loop looks for requests that have waited too long.
LOOK_SECONDS = 0.5
# A server that refuses every connection must not be asked in a tight loop.
RECONNECT_SECONDS = 0.01


def run(port: int, workload: Workload, *, connections: int, seconds: float, timeout_seconds: float = 10.0) -> Recording:
    """Load 127.0.0.1:port for so long; what is unanswered at the end is not counted."""
    indices = count()

    def send_next(connection: Connection) -> None:
        pool.send(connection, next(indices), clock())

    pool = Pool(port, workload, connections, send_next)
    with measuring(pool) as recording:
        end_seconds = pool.start_seconds + seconds
        look_seconds = 0.0
        while (now := clock()) < end_seconds:
            if now >= look_seconds:
                pool.drop_late(timeout_seconds)
                look_seconds = now + LOOK_SECONDS
            if len(pool.open) < connections:
                _connect(pool)
            pool.receive(min(LOOK_SECONDS, end_seconds - now))
    return recording


def _connect(pool: Pool) -> None:
    while len(pool.open) < pool.size:
        connection = pool.connect(clock())
        if connection is None:
            time.sleep(RECONNECT_SECONDS)
            return
        pool.on_idle(connection)
