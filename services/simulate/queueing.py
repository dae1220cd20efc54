"""What one replica makes of a load: waiting, latency and a bound, from queueing theory.

A replica is a queue with c servers, Poisson arrivals and service times with a mean and a coefficient of variation:
M/M/c by Erlang's formula (Gross and others, Fundamentals of Queueing Theory, 4th ed., 2.3), the mean wait corrected for
service times that vary less by Allen and Cunneen's factor (1 + cv²) / 2. Service times are a constant and an
exponential part, which have the mean and the variation that were given and a closed form of the latency: for cv = 1
exactly M/M/c. Load that exceeds what there is piles up as a fluid (Newell, Applications of Queueing Theory, 2.1).
"""

from typing import Any

import numpy as np
from msgspec import Struct

Values = np.ndarray[Any, np.dtype[np.float64]]

# A stationary queue is taken for true while it would build up in this time. Nearer to saturation the fluid tells more.
STEADY_SECONDS = 15.0
LEAST_CAP = 0.5
GRID = 512
# Halvings of an interval: enough for six digits.
HALVINGS = 40
# How many service times may wait at most, where nothing is said: about what admission lets wait (ADR 4).
WAIT_SERVICES = 50


class Replica(Struct, frozen=True):
    """What one replica can do.

    service_seconds: of a request, alone. concurrency: how many requests it serves at a time without slowing down.
    service_cv: the standard deviation of the service time over its mean, 0 to 1. max_wait_seconds: a request that would
    wait longer is refused. cores: the CPU that a request uses while it is served. cpu_limit: cores, None without one.
    """

    service_seconds: float
    concurrency: int = 1
    service_cv: float = 1.0
    max_wait_seconds: float | None = None
    cores: float = 1.0

    @property
    def rate(self) -> float:
        """The most requests per second."""
        return self.concurrency / self.service_seconds

    @property
    def wait_limit_seconds(self) -> float:
        """The longest wait that is accepted."""
        return WAIT_SERVICES * self.service_seconds if self.max_wait_seconds is None else self.max_wait_seconds


class Queue:
    """The stationary queue of a replica, as tables over its utilisation from 0 to `cap`."""

    def __init__(self, replica: Replica) -> None:
        self.replica = replica
        self.cap = max(LEAST_CAP, (1 - (replica.service_seconds / replica.concurrency / STEADY_SECONDS) ** 0.5) ** 2)
        self._used: Values = np.linspace(0.0, self.cap, GRID)
        self._waits = erlang_c(self._used, replica.concurrency)
        self._spread = (1 + replica.service_cv**2) / 2
        self._length = self._waits * self._used / (1 - self._used) * self._spread
        self._tables: dict[float, Values] = {}

    def length(self, used: Values) -> Values:
        """Return the mean number of requests that wait at one replica. used: its utilisation."""
        found: Values = np.interp(used, self._used, self._length)
        return found

    def quantile_seconds(self, percent: float, used: Values, piled_seconds: Values) -> Values:
        """Return a quantile of latency. piled_seconds: the wait for what piled up before."""
        table = self._tables.get(percent)
        if table is None:
            table = self._tables[percent] = self._quantiles(percent)
        found: Values = np.interp(used, self._used, table) + piled_seconds
        bounded: Values = np.minimum(found, self.replica.wait_limit_seconds + table[0])
        return bounded

    def slower(self, seconds: Values, used: Values) -> Values:
        """Return the share of requests that take longer, without what piled up. All arrays have one shape."""
        at = np.minimum(used, self.cap)
        return self._tail(seconds, at, np.interp(at, self._used, self._waits))

    def _quantiles(self, percent: float) -> Values:
        low, high = np.zeros(GRID), np.ones(GRID) * self.replica.service_seconds
        share = 1 - percent / 100
        while (over := self._tail(high, self._used, self._waits) > share).any():
            high = np.where(over, high * 2, high)
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            over = self._tail(middle, self._used, self._waits) > share
            low, high = np.where(over, middle, low), np.where(over, high, middle)
        return high

    def _tail(self, seconds: Values, used: Values, waits: Values) -> Values:
        """Return P(wait + service > seconds): the wait is 0, or exponential with probability `waits`."""
        replica = self.replica
        theta = replica.rate * (1 - used) / self._spread
        past = np.maximum(seconds - (1 - replica.service_cv) * replica.service_seconds, 0.0)
        if replica.service_cv == 0:
            found = waits * np.exp(-theta * past)
            return np.where(seconds < replica.service_seconds, 1.0, found)
        alpha = 1 / (replica.service_cv * replica.service_seconds)
        # Where both rates are the same the closed form divides by zero; so near to it, it does not matter.
        theta = np.where(np.abs(theta / alpha - 1) < 1e-6, alpha * (1 + 1e-6), theta)
        fast = np.exp(-alpha * past)
        both = (alpha * np.exp(-theta * past) - theta * fast) / (alpha - theta)
        return np.clip((1 - waits) * fast + waits * both, 0.0, 1.0)


def erlang_c(used: Values, servers: int) -> Values:
    """Return the probability that a request has to wait. used: the utilisation of each server, below 1."""
    offered = used * servers
    blocked = np.ones_like(used)
    for number in range(1, servers + 1):
        blocked = offered * blocked / (number + offered * blocked)
    found: Values = blocked / (1 - used * (1 - blocked))
    return found
