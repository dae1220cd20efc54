"""What the prediction log counts, as metrics."""

from services.core.metrics import Metrics


class LogCounters:
    """The prediction log's two counters."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def written(self, rows: int) -> None:
        """Count rows that are in the database."""
        self._metrics.log_written.inc(rows)

    def dropped(self, rows: int) -> None:
        """Count rows that never will be."""
        self._metrics.log_dropped.inc(rows)
