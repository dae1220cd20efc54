"""An autoscaling policy for Ray Serve on PromQL: the in-flight work that the other engines' scalers look at, too."""

from math import ceil, isfinite

from ray.serve.autoscaling_policy import PrometheusQueryMixin
from ray.serve.config import AutoscalingContext

# The recording rule of all engines.
IN_FLIGHT = 'sum(trivet:inflight:sum{engine="ray"})'


class InFlightPolicy(PrometheusQueryMixin):
    """Wants so many replicas that each has at most the target in flight; Ray applies its bounds and delays to that.

    While Prometheus is silent, has no such series, or what it has is old, the number of replicas stays as it is.

    target_in_flight: of one replica. prometheus_address: by default Ray's own variable RAY_PROMETHEUS_HOST.
    """

    def __init__(self, target_in_flight: float, query: str = IN_FLIGHT, prometheus_address: str | None = None) -> None:
        super().__init__(prometheus_queries=[query], prometheus_address=prometheus_address)
        self._target_in_flight = target_in_flight
        self._query = query

    def __call__(self, context: AutoscalingContext) -> tuple[int, dict[str, object]]:
        """Return how many replicas there should be, and no state to keep."""
        in_flight = (self.prometheus_metrics or {}).get(self._query)
        if in_flight is None or not isfinite(in_flight):
            return context.target_num_replicas, {}
        return max(1, ceil(in_flight / self._target_in_flight)), {}
