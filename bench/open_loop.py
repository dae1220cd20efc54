"""Requests at a constant rate, whatever the server does: the open loop of `services.load`, with answers checked."""

from array import array

import numpy as np

from bench.http1 import address
from bench.recording import Recording
from bench.workload import Workload
from services.load import open_loop
from services.load.client import Client

MAX_REQUESTS = 5_000_000


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
    recording = Recording(seconds=max(seconds, 1 / rate))
    client = Client(address(port), workload, connections, recording)
    with client.measuring():
        open_loop.run(client, array("d", np.arange(total) / rate), recording, timeout_seconds=timeout_seconds)
    return recording
