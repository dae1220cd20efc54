"""What one load run saw, request by request."""

from array import array
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Seconds = np.ndarray[Any, np.dtype[np.float64]]

# What happened to a request that got no status. Below 100, so that no HTTP status can collide.
LOST = 2
TIMED_OUT = 3
NO_CONNECTION = 4
UNREADABLE = 5
UNSENT = 7
NAMES = {
    LOST: "connection closed without an answer",
    TIMED_OUT: "timed out",
    NO_CONNECTION: "no connection",
    UNREADABLE: "unreadable answer",
    UNSENT: "not sent in time: all connections were busy",
}


@dataclass
class Recording:
    """Parallel columns, one entry a request, in the order in which they ended.

    due: when it should have been sent, in seconds from the start. latency: from then to its whole answer, in seconds.
    outcome: an HTTP status, or one of NAMES.
    lateness: how late the generator itself came to each request, in the order in which they were due. sent: when each
    was given to a connection, in seconds from the start; later than due when all connections were busy.
    seconds: how long requests were due. in_flight_most: the most that ever were sent and unanswered.
    generator_cpu_ratio: the share of one core that the thread of the generator used.
    """

    due: "array[float]" = field(default_factory=lambda: array("d"))
    latency: "array[float]" = field(default_factory=lambda: array("d"))
    outcome: "array[int]" = field(default_factory=lambda: array("H"))
    lateness: "array[float]" = field(default_factory=lambda: array("d"))
    sent: "array[float]" = field(default_factory=lambda: array("d"))
    seconds: float = 0.0
    in_flight_most: int = 0
    generator_cpu_ratio: float = 0.0

    def add(self, due_seconds: float, latency_seconds: float, outcome: int) -> None:
        """Record what came of one request."""
        self.due.append(due_seconds)
        self.latency.append(latency_seconds)
        self.outcome.append(outcome)

    def counts(self) -> dict[int, int]:
        """Return how many requests had which outcome."""
        return dict(Counter(self.outcome))
