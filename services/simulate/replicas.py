"""How many replicas one metric asks for.

Source: pkg/controller/podautoscaler/replica_calculator.go and metrics/utilization.go of Kubernetes 1.35, step by step,
with its integer divisions. Pods need not be told apart: the load is spread evenly, so that sums are enough.
"""

import math

from msgspec import Struct

from services.simulate.hpa_spec import Behavior, Metric, Target


class PodMetrics(Struct, frozen=True):
    """What is known of the pods. total_milli: the sum over those measured, in thousandths of the metric's unit.

    unready: pending, or not ready for long enough. missing: running, without a sample.
    """

    total_milli: int
    measured: int
    unready: int = 0
    missing: int = 0


def near(ratio: float, behavior: Behavior | None) -> bool:
    """Whether usage over target is so near to one that nothing is done."""
    rules = behavior or Behavior()
    return 1 - rules.down.tolerance <= ratio <= 1 + rules.up.tolerance


def by_pods(pods: PodMetrics, metric: Metric, current: int, behavior: Behavior | None) -> int | None:
    """Return what a metric that is read pod by pod asks for; None when no pod was measured."""
    if not pods.measured:
        return None
    ratio = _ratio(metric, pods.total_milli, pods.measured)
    unready_count = pods.unready if ratio > 1 else 0
    if not unready_count and not pods.missing:
        return current if near(ratio, behavior) else math.ceil(ratio * pods.measured)
    # Who is not ready is taken to use nothing on the way up. Who is missing, the opposite of what would be done.
    missing_count = pods.missing if ratio != 1 else 0
    total = pods.total_milli + (missing_count * _assumed_milli(metric) if ratio < 1 else 0)
    count = pods.measured + unready_count + missing_count
    again = _ratio(metric, total, count)
    if near(again, behavior) or ratio < 1 < again or again < 1 < ratio:
        return current
    wanted = math.ceil(again * count)
    turned = (again < 1 and wanted > current) or (again > 1 and wanted < current)
    return current if turned else wanted


def by_sum(value_milli: int, target: Target, current: int, ready: int, behavior: Behavior | None) -> int:
    """Return what a metric that is one number for all pods asks for. ready: of the current pods."""
    if target.type == "Value":
        ratio = value_milli / target.amount
        if not current:
            return math.ceil(ratio)
        return current if near(ratio, behavior) else math.ceil(ratio * ready)
    if current and near(value_milli / (target.amount * current), behavior):
        return current
    return math.ceil(value_milli / target.amount)


def _ratio(metric: Metric, total_milli: int, count: int) -> float:
    if metric.target.type == "Utilization":
        return (total_milli * 100 // (metric.request_milli * count)) / metric.target.amount
    return (total_milli // count) / metric.target.amount


def _assumed_milli(metric: Metric) -> int:
    """What a missing pod is taken to use when the others ask for fewer."""
    if metric.target.type == "Utilization":
        return metric.request_milli * max(100, metric.target.amount) // 100
    return metric.target.amount
