"""What one loaded model did in this process, for the protocol's statistics extension."""

import time
from typing import Any

NS = 1_000_000_000


class Statistics:
    """Counts and durations since the model was loaded. Source: Triton `extension_statistics.md`.

    last_at: when it last answered, in seconds since the epoch; 0 before the first answer.
    """

    def __init__(self) -> None:
        self._rows = 0
        self.last_at = 0.0
        self._success = [0, 0.0]
        self._fail = [0, 0.0]
        self._queue_seconds = 0.0
        self._runs: dict[int, list[float]] = {}

    def ran(self, rows: int, seconds: float) -> None:
        """Count one run."""
        entry = self._runs.setdefault(rows, [0, 0.0])
        entry[0] += 1
        entry[1] += seconds

    def answered(self, rows: int, queue_seconds: float, seconds: float) -> None:
        """Count one answered request."""
        self._rows += rows
        self._success[0] += 1
        self._success[1] += seconds
        self._queue_seconds += queue_seconds
        self.last_at = time.time()

    def failed(self, seconds: float) -> None:
        """Count one failed request."""
        self._fail[0] += 1
        self._fail[1] += seconds

    def described(self) -> dict[str, Any]:
        """Return the protocol's fields; durations in nanoseconds."""
        count, runs = self._success[0], sum(entry[0] for entry in self._runs.values())
        compute_seconds = sum(entry[1] for entry in self._runs.values())
        return {
            "last_inference": int(self.last_at * 1000),
            "inference_count": self._rows,
            "execution_count": int(runs),
            "inference_stats": {
                "success": _duration(*self._success),
                "fail": _duration(*self._fail),
                "queue": _duration(count, self._queue_seconds),
                "compute_input": _duration(runs, 0.0),
                "compute_infer": _duration(runs, compute_seconds),
                "compute_output": _duration(runs, 0.0),
            },
            "batch_stats": [
                {
                    "batch_size": rows,
                    "compute_input": _duration(entry[0], 0.0),
                    "compute_infer": _duration(*entry),
                    "compute_output": _duration(entry[0], 0.0),
                }
                for rows, entry in sorted(self._runs.items())
            ],
        }


def _duration(count: float, seconds: float) -> dict[str, int]:
    return {"count": int(count), "ns": int(seconds * NS)}
