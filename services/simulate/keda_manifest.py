"""A ScaledObject's manifest."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from services.simulate.cron import Window
from services.simulate.hpa_manifest import BehaviorFields, TargetFields, behavior, cpu
from services.simulate.hpa_spec import Count, Hpa, Metric, Positive, Target
from services.simulate.keda_spec import COOLDOWN_SECONDS, MAX_REPLICAS, POLLING_SECONDS, Fallback, Keda, Trigger
from services.simulate.objects import Asked, Object, fields, signal_of

PAUSED = ("autoscaling.keda.sh/paused", "autoscaling.keda.sh/paused-replicas")
_TRUE, _FALSE = ("1", "t", "true"), ("0", "f", "false")


class _Named(Struct):
    name: str


class _Trigger(Struct, rename="camel"):
    type: str
    metadata: dict[str, str] = {}
    name: str | None = None
    metric_type: Literal["AverageValue", "Value", "Utilization"] | None = None
    use_cached_metrics: bool = False


class _HpaConfig(Struct):
    behavior: BehaviorFields | None = None


class _Advanced(Struct, frozen=True, rename="camel"):
    horizontal_pod_autoscaler_config: _HpaConfig | None = None
    scaling_modifiers: dict[str, Any] | None = None


class _Spec(Struct, rename="camel"):
    scale_target_ref: _Named
    triggers: Annotated[list[_Trigger], Meta(min_length=1)]
    polling_interval: Positive = POLLING_SECONDS
    cooldown_period: Count = COOLDOWN_SECONDS
    initial_cooldown_period: Count = 0
    idle_replica_count: Count | None = None
    min_replica_count: Count = 0
    max_replica_count: Positive = MAX_REPLICAS
    fallback: Fallback | None = None
    advanced: _Advanced = _Advanced()


def read(one: Object, objects: list[Object], asked: Asked) -> tuple[Keda, float | None]:
    """Return the autoscaler of a ScaledObject, and a pod's CPU limit in cores.

    Raises msgspec.ValidationError or ValueError.
    """
    spec = fields(one.get("spec"), _Spec)
    _check(one, spec)
    metrics: list[Metric] = []
    triggers: list[Trigger] = []
    limit = None
    for number, given in enumerate(spec.triggers):
        name = given.name or f"{given.type}-{number}"
        if given.type == "cpu":
            metric, limit = _cpu(name, given, objects, spec.scale_target_ref.name)
        else:
            metric, trigger = _external(name, given, asked)
            triggers.append(trigger)
        metrics.append(metric)
    if len({metric.name for metric in metrics}) < len(metrics):
        raise ValueError("two triggers have the same name")
    config = spec.advanced.horizontal_pod_autoscaler_config
    hpa = Hpa(
        max(1, spec.min_replica_count),
        spec.max_replica_count,
        tuple(metrics),
        behavior(config.behavior) if config else None,
    )
    keda = Keda(
        hpa=hpa,
        triggers=tuple(triggers),
        min_replicas=spec.min_replica_count,
        idle_replicas=spec.idle_replica_count,
        polling_seconds=spec.polling_interval,
        cooldown_seconds=spec.cooldown_period,
        initial_cooldown_seconds=spec.initial_cooldown_period,
        fallback=spec.fallback,
    )
    return keda, limit


def _check(one: Object, spec: _Spec) -> None:
    annotations = one["metadata"].get("annotations") if isinstance(one.get("metadata"), dict) else None
    paused = [name for name in PAUSED if isinstance(annotations, dict) and name in annotations]
    if paused:
        raise ValueError(f"it is paused by the annotation {paused[0]}: take it away to see what would be done")
    if spec.advanced.scaling_modifiers:
        raise ValueError("scalingModifiers cannot be simulated: leave them out, or give their result as one trigger")
    if spec.min_replica_count > spec.max_replica_count:
        raise ValueError(f"minReplicaCount {spec.min_replica_count} is more than maxReplicaCount")
    if spec.idle_replica_count is not None and spec.idle_replica_count >= max(1, spec.min_replica_count):
        raise ValueError(f"idleReplicaCount {spec.idle_replica_count} is not less than minReplicaCount")


def _cpu(name: str, given: _Trigger, objects: list[Object], workload: str) -> tuple[Metric, float | None]:
    value = given.metadata.get("value", "")
    if given.metric_type == "AverageValue":
        target = TargetFields("AverageValue", average_value=value)
    elif value.isascii() and value.isdigit() and int(value) > 0:
        target = TargetFields("Utilization", average_utilization=int(value))
    else:
        raise ValueError(f"trigger {name}: value {value!r} is no whole number of percent")
    return cpu(name, target, objects, workload, given.metadata.get("containerName"))


def _external(name: str, given: _Trigger, asked: Asked) -> tuple[Metric, Trigger]:
    kind = given.metric_type or "AverageValue"
    if kind == "Utilization" or given.type not in ("prometheus", "cron"):
        raise ValueError(f"trigger {name}: {given.type} with {kind} cannot be simulated; prometheus, cpu and cron can")
    metadata = given.metadata
    if given.type == "cron":
        replicas = _number(name, metadata, "desiredReplicas", "")
        start, end = metadata.get("start", ""), metadata.get("end", "")
        window = Window(start, end, metadata.get("timezone", ""), asked.begins)
        return Metric(name, Target(kind, 1000)), Trigger(name, window=window, window_replicas=int(replicas))
    amount = round(_number(name, metadata, "threshold", "") * 1000)
    if amount < 1:
        raise ValueError(f"trigger {name}: the threshold is not more than zero")
    signal = signal_of(name, metadata.get("query", ""), asked)
    ignore_null = metadata.get("ignoreNullValues", "true").lower()
    if ignore_null not in _TRUE + _FALSE:
        raise ValueError(f"trigger {name}: ignoreNullValues {ignore_null!r} is neither true nor false")
    trigger = Trigger(
        name,
        activation=_number(name, metadata, "activationThreshold", "0"),
        ignore_null=ignore_null in _TRUE,
        cached=given.use_cached_metrics,
    )
    return Metric(name, Target(kind, amount), signal), trigger


def _number(trigger: str, metadata: dict[str, str], name: str, default: str) -> float:
    text = metadata.get(name, default)
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1e15:
        raise ValueError(f"trigger {trigger}: {name} {text!r} is no number")
    return value
