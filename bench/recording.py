"""What one load run saw, where every answer is checked, and its summary."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from services.load import record

Latencies = np.ndarray[Any, np.dtype[np.float64]]

RIGHT = 200
# Beside the outcomes of `services.load.record`: answers that came, and are not good.
WRONG_ANSWER = 51
NO_RETRY_AFTER = 56
NAMES = {**record.NAMES, WRONG_ANSWER: "wrong answer", NO_RETRY_AFTER: "429 or 503 without Retry-After"}


@dataclass
class Recording(record.Recording):
    """A recording whose outcomes are RIGHT, another HTTP status, or one of NAMES."""

    def latencies(
        self, outcome: int = RIGHT, *, since_seconds: float = 0.0, until_seconds: float = np.inf
    ) -> Latencies:
        """Return the latencies, in seconds, of the requests with an outcome that were due in [since, until)."""
        due: Latencies = np.array(self.due)
        latency: Latencies = np.array(self.latency)
        chosen = (np.array(self.outcome) == outcome) & (due >= since_seconds) & (due < until_seconds)
        found: Latencies = latency[chosen]
        return found

    def summary(self) -> "Summary":
        right_ms = self.latencies() * 1e3
        p50_ms, p99_ms, max_ms = np.percentile(right_ms, (50, 99, 100)) if len(right_ms) else (np.nan,) * 3
        errors = {NAMES.get(code, str(code)): count for code, count in sorted(self.counts().items()) if code != RIGHT}
        rate = len(right_ms) / self.seconds if self.seconds else 0.0
        return Summary(rate, float(p50_ms), float(p99_ms), float(max_ms), errors, self.generator_cpu_ratio)


@dataclass(frozen=True)
class Summary:
    """A load run in short: right answers per second, their latencies in milliseconds, and the number of all others.

    generator_cpu_ratio: near 1 the generator was the bottleneck.
    """

    requests_per_second: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    errors: dict[str, int]
    generator_cpu_ratio: float
