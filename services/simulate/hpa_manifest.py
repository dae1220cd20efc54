"""A HorizontalPodAutoscaler's manifest."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from services.simulate.hpa_spec import (
    DOWN,
    TOLERANCE,
    UP,
    Behavior,
    Count,
    Hpa,
    Metric,
    Policy,
    Positive,
    Rules,
    Target,
)
from services.simulate.objects import Asked, Object, cpu_of, fields, signal_of
from services.simulate.quantity import milli, quantity

DEFAULT_CPU_PERCENT = 80


class _Camel(Struct, rename="camel"):
    pass


class TargetFields(_Camel):
    """A metric's target. Amounts are quantities."""

    type: Literal["Utilization", "AverageValue", "Value"]
    average_utilization: Positive | None = None
    average_value: str | float | None = None
    value: str | float | None = None


class _Resource(_Camel):
    name: str
    target: TargetFields
    container: str | None = None


class _Named(_Camel):
    name: str


class _Valued(_Camel):
    metric: _Named
    target: TargetFields


class _Metric(_Camel):
    type: str
    resource: _Resource | None = None
    container_resource: _Resource | None = None
    pods: _Valued | None = None
    object: _Valued | None = None
    external: _Valued | None = None


class _Rules(_Camel):
    stabilization_window_seconds: Annotated[int, Meta(ge=0, le=3600)] | None = None
    select_policy: Literal["Max", "Min", "Disabled"] | None = None
    policies: Annotated[tuple[Policy, ...], Meta(min_length=1)] | None = None
    tolerance: str | float | None = None


class BehaviorFields(_Camel):
    """Both directions, where they are said."""

    scale_up: _Rules | None = None
    scale_down: _Rules | None = None


class _Spec(_Camel):
    scale_target_ref: _Named
    max_replicas: Positive
    min_replicas: Count | None = None
    metrics: list[_Metric] | None = None
    behavior: BehaviorFields | None = None


def read(one: Object, objects: list[Object], asked: Asked) -> tuple[Hpa, float | None]:
    """Return the autoscaler of a HorizontalPodAutoscaler, and a pod's CPU limit in cores.

    Raises msgspec.ValidationError or ValueError.
    """
    if one.get("apiVersion") != "autoscaling/v2":
        raise ValueError(f"apiVersion {one.get('apiVersion')!r} is not autoscaling/v2")
    spec = fields(one.get("spec"), _Spec)
    target = spec.scale_target_ref.name
    least = 1 if spec.min_replicas is None else spec.min_replicas
    if least > spec.max_replicas:
        raise ValueError(f"minReplicas {least} is more than maxReplicas {spec.max_replicas}")
    if spec.metrics:
        read_metrics = [_metric(metric, objects, target, asked) for metric in spec.metrics]
    else:
        default = TargetFields("Utilization", average_utilization=DEFAULT_CPU_PERCENT)
        read_metrics = [cpu("cpu", default, objects, target, None)]
    hpa = Hpa(least, spec.max_replicas, tuple(metric for metric, _ in read_metrics), behavior(spec.behavior))
    limit = next((limit for _, limit in read_metrics if limit is not None), None)
    return hpa, limit


def behavior(given: BehaviorFields | None) -> Behavior | None:
    """Return the behaviour with its defaults; None stays None. Raises ValueError."""
    return None if given is None else Behavior(_rules(given.scale_up, UP), _rules(given.scale_down, DOWN))


def cpu(
    name: str, target: TargetFields, objects: list[Object], workload: str, container: str | None
) -> tuple[Metric, float | None]:
    """Return the metric of the CPU, and a pod's limit in cores. Raises ValueError."""
    if target.type == "Utilization":
        if target.average_utilization is None:
            raise ValueError("Utilization needs averageUtilization")
        request_milli, limit = cpu_of(objects, workload, container)
        return Metric(
            name, Target("Utilization", target.average_utilization), cpu=True, request_milli=request_milli
        ), limit
    return Metric(name, value_target(target), cpu=True), None


def value_target(target: TargetFields) -> Target:
    """Return a target that is no percentage. Raises ValueError."""
    given: Any = target.value if target.type == "Value" else target.average_value
    if target.type == "Utilization" or given is None:
        raise ValueError(f"{target.type} is no target of this metric: averageValue or value was expected")
    amount = milli(given)
    if amount < 1:
        raise ValueError(f"a target of {given} is not more than zero")
    return Target(target.type, amount)


def _metric(given: _Metric, objects: list[Object], workload: str, asked: Asked) -> tuple[Metric, float | None]:
    resource = given.container_resource or given.resource
    if resource is not None:
        if resource.name != "cpu":
            raise ValueError(f"{resource.name} cannot be simulated: it does not follow the load. Leave this metric out")
        return cpu("cpu", resource.target, objects, workload, resource.container)
    valued = given.pods or given.object or given.external
    if valued is None:
        raise ValueError(f"a metric of type {given.type} without its source")
    name = valued.metric.name
    signal = signal_of(name, name, asked)
    return Metric(name, value_target(valued.target), signal, per_pod=given.pods is not None), None


def _rules(given: _Rules | None, default: Rules) -> Rules:
    if given is None:
        return default
    window_seconds = given.stabilization_window_seconds
    tolerance = TOLERANCE if given.tolerance is None else quantity(given.tolerance)
    if tolerance < 0:
        raise ValueError(f"a tolerance of {given.tolerance} is below zero")
    return Rules(
        default.window_seconds if window_seconds is None else window_seconds,
        given.policies or default.policies,
        given.select_policy or default.select,
        tolerance,
    )
