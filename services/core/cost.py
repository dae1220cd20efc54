"""How long a run of so many rows takes: measured at warm-up, kept true while serving."""

from collections.abc import Sequence

# The share of a new observation: about the last six runs decide. With twenty, a slow moment was noticed too late.
SMOOTHING = 0.3
# One stalled run must not make admission refuse everything, nor one lucky run accept everything: so many times what was
# expected is the most that a run counts as, and the expectation stays within bounds.
MAX_SURPRISE = 1.5
DRIFT_BOUNDS = (0.25, 4.0)


class Cost:
    """Seconds of a run as fixed + rows · per_row, times a drift that follows what is observed.

    measured: (rows, seconds) pairs of warm-up, ascending in rows, at least one.
    """

    def __init__(self, measured: Sequence[tuple[int, float]]) -> None:
        # A model so slow that only one size was tried is taken to gain nothing from a batch.
        first_rows, first_seconds = measured[0] if len(measured) > 1 else (0, 0.0)
        last_rows, last_seconds = measured[-1]
        spread = max(last_rows - first_rows, 1)
        self._row_seconds = max(0.0, (last_seconds - first_seconds) / spread)
        self._fixed_seconds = max(0.0, first_seconds - first_rows * self._row_seconds)
        self.drift = 1.0

    def seconds(self, rows: int) -> float:
        """Return the expected seconds of one run."""
        return (self._fixed_seconds + rows * self._row_seconds) * self.drift

    def queue_seconds(self, rows: int, batch_rows: int) -> float:
        """Return the expected seconds of all runs that a queue of so many rows needs."""
        runs = -(-rows // batch_rows)
        return (runs * self._fixed_seconds + rows * self._row_seconds) * self.drift

    def unloaded_seconds(self, rows: int, batch_rows: int) -> float:
        """Return the same as `queue_seconds`, for a server that has nothing else to do."""
        return self.queue_seconds(rows, batch_rows) / max(self.drift, 1.0)

    def observe(self, rows: int, seconds: float) -> None:
        """Take a finished run into account."""
        expected = self._fixed_seconds + rows * self._row_seconds
        if expected > 0:
            low = max(DRIFT_BOUNDS[0], self.drift / MAX_SURPRISE)
            high = min(DRIFT_BOUNDS[1], self.drift * MAX_SURPRISE)
            ratio = min(max(seconds / expected, low), high)
            self.drift += SMOOTHING * (ratio - self.drift)
