"""An open loop: requests at a constant rate, whatever the server does.

Latency counts from when a request should have been sent, so that a server that stalls cannot hide the requests it
delayed ("coordinated omission": Gil Tene, "How NOT to Measure Latency").
"""

import select
from collections import deque

from bench.http1 import Connection
from bench.pool import Pool, clock, measuring
from bench.recording import UNSENT, Recording
from bench.workload import Workload

MAX_REQUESTS = 5_000_000
LOOK_SECONDS = 0.25
# select returns late by about so much; the rest of the way to a send is spent looking at the clock.
SPIN_SECONDS = 0.0001


def run(
    port: int, workload: Workload, *, rate: float, seconds: float, connections: int = 256, timeout_seconds: float = 10.0
) -> Recording:
    """Send rate * seconds requests to 127.0.0.1:port, and wait for their answers.

    A request that finds no free connection waits for one, and its latency grows. What is not answered, or not even
    sent, timeout_seconds after it was due is recorded as such.
    """
    total = int(rate * seconds)
    if not 0 < total <= MAX_REQUESTS:
        raise ValueError(f"rate * seconds is {total} requests; from 1 to {MAX_REQUESTS} are possible")
    idle: deque[Connection] = deque()
    pool = Pool(port, workload, connections, idle.append)
    with measuring(pool) as recording:
        _loop(pool, idle, total, rate, timeout_seconds)
        recording.seconds = max(seconds, 1 / rate)
    return recording


def _loop(pool: Pool, idle: deque[Connection], total: int, rate: float, timeout_seconds: float) -> None:
    start_seconds, sent, look_seconds = pool.start_seconds, 0, 0.0
    while sent < total or pool.busy:
        now = clock()
        due_seconds = start_seconds + sent / rate
        while sent < total and due_seconds <= now:
            if now - due_seconds > timeout_seconds:
                pool.recording.add(due_seconds - start_seconds, now - due_seconds, UNSENT)
            elif connection := _take(pool, idle):
                pool.send(connection, sent, due_seconds)
            elif len(pool.open) >= pool.size:
                break
            elif connection := pool.connect(due_seconds):
                pool.send(connection, sent, due_seconds)
            sent += 1
            due_seconds = start_seconds + sent / rate
        if now >= look_seconds:
            pool.drop_late(timeout_seconds)
            look_seconds = now + LOOK_SECONDS
        _wait(pool, due_seconds if sent < total and due_seconds > now else now + LOOK_SECONDS)


def _take(pool: Pool, idle: deque[Connection]) -> Connection | None:
    while idle:
        connection = idle.pop()  # the one used last: a light load stays on few connections
        if pool.open.get(connection.fileno) is connection:  # and not closed by the server meanwhile
            return connection
    return None


def _wait(pool: Pool, until_seconds: float) -> None:
    """Handle what arrives, sleeping on select (exact to some 50 us, where epoll counts in milliseconds)."""
    pause_seconds = until_seconds - clock() - SPIN_SECONDS
    if pause_seconds > 0:
        select.select([pool.epoll], [], [], pause_seconds)
    pool.receive(0)
