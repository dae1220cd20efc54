"""What one load run saw, request by request, and its summary."""

from array import array
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Latencies = np.ndarray[Any, np.dtype[np.float64]]

RIGHT = 200
# What happened to a request that has no plain status. Below 100, so that no HTTP status can collide.
WRONG_ANSWER = 1
LOST = 2
TIMED_OUT = 3
NO_CONNECTION = 4
UNREADABLE = 5
NO_RETRY_AFTER = 6
UNSENT = 7
NAMES = {
    WRONG_ANSWER: "wrong answer",
    LOST: "connection closed without an answer",
    TIMED_OUT: "timed out",
    NO_CONNECTION: "no connection",
    UNREADABLE: "unreadable answer",
    NO_RETRY_AFTER: "429 or 503 without Retry-After",
    UNSENT: "not sent before the end",
}


@dataclass
class Recording:
    """Parallel columns, one entry a request.

    due: when it should have been sent, in seconds from the start. latency: from then to its whole answer, in seconds.
    outcome: RIGHT, another HTTP status, or one of NAMES. generator_cpu_ratio: the share of one core that the thread
    of the load generator used; near 1 it was the bottleneck.
    """

    due: "array[float]" = field(default_factory=lambda: array("d"))
    latency: "array[float]" = field(default_factory=lambda: array("d"))
    outcome: "array[int]" = field(default_factory=lambda: array("H"))
    seconds: float = 0.0
    generator_cpu_ratio: float = 0.0

    def add(self, due_seconds: float, latency_seconds: float, outcome: int) -> None:
        self.due.append(due_seconds)
        self.latency.append(latency_seconds)
        self.outcome.append(outcome)

    def latencies(
        self, outcome: int = RIGHT, *, since_seconds: float = 0.0, until_seconds: float = np.inf
    ) -> Latencies:
        """Return the latencies, in seconds, of the requests with an outcome that were due in [since, until)."""
        due: Latencies = np.array(self.due)
        latency: Latencies = np.array(self.latency)
        chosen = (np.array(self.outcome) == outcome) & (due >= since_seconds) & (due < until_seconds)
        found: Latencies = latency[chosen]
        return found

    def counts(self) -> dict[int, int]:
        """Return how many requests had which outcome."""
        return dict(Counter(self.outcome))

    def summary(self) -> "Summary":
        right_ms = self.latencies() * 1e3
        p50_ms, p99_ms, max_ms = np.percentile(right_ms, (50, 99, 100)) if len(right_ms) else (np.nan,) * 3
        errors = {NAMES.get(code, str(code)): count for code, count in sorted(self.counts().items()) if code != RIGHT}
        rate = len(right_ms) / self.seconds if self.seconds else 0.0
        return Summary(rate, float(p50_ms), float(p99_ms), float(max_ms), errors, self.generator_cpu_ratio)


@dataclass(frozen=True)
class Summary:
    """A load run in short: right answers per second, their latencies in milliseconds, and the number of all others."""

    requests_per_second: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    errors: dict[str, int]
    generator_cpu_ratio: float
