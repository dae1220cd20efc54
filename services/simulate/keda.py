"""KEDA: what it tells the HPA when a metric fails, and the way to no replica and back, which the HPA cannot go.

Source: pkg/fallback/fallback.go, pkg/scaling/scale_handler.go, pkg/scaling/executor/scale_scaledobjects.go,
pkg/scalers/prometheus_scaler.go and cron_scaler.go of KEDA 2.20.
"""

import math
from collections import Counter

from services.simulate.hpa import HpaScaler
from services.simulate.hpa_spec import SYNC_SECONDS, Metric
from services.simulate.keda_spec import Fallback, Keda, Trigger
from services.simulate.world import Gone, World


class KedaScaler:
    """Asks its triggers every polling interval, and answers the HPA each time that it asks."""

    def __init__(self, spec: Keda) -> None:
        self.period_seconds = math.gcd(spec.polling_seconds, SYNC_SECONDS)
        self.least = spec.min_replicas if spec.idle_replicas is None else spec.idle_replicas
        self._spec = spec
        self._hpa = HpaScaler(spec.hpa, self._for_hpa)
        self._metrics = {metric.name: metric for metric in spec.hpa.metrics}
        self._triggers = {trigger.name: trigger for trigger in spec.triggers}
        self._failures: Counter[str] = Counter()
        self._polled: dict[str, float | Gone] = {}
        self._active_seconds: float | None = None

    def decide(self, world: World) -> int:
        """Return how many replicas there shall be: first by KEDA itself, then by its HPA."""
        if world.now_seconds % self._spec.polling_seconds == 0:
            wanted = self._poll(world)
            if wanted != world.replicas:
                return wanted
        return self._hpa.decide(world) if world.now_seconds % SYNC_SECONDS == 0 else world.replicas

    def _poll(self, world: World) -> int:
        active = not self._triggers  # CPU alone keeps it active
        failed = False
        for trigger in self._spec.triggers:
            raw = _read(trigger, self._metrics[trigger.name], world)
            value, fell_back = self._with_fallback(trigger, raw, world)
            self._polled[trigger.name] = value
            if isinstance(value, Gone):
                failed = True
            elif fell_back or (not isinstance(raw, Gone) and raw > trigger.activation):
                active = True
        return self._when_active(world, failed) if active else self._when_idle(world, failed)

    def _when_active(self, world: World, failed: bool) -> int:
        least = self._spec.min_replicas
        idle = self._spec.idle_replicas is not None and world.replicas < least
        if idle or world.replicas == 0:
            self._active_seconds = world.now_seconds
            return max(1, least)
        if not failed:
            self._active_seconds = world.now_seconds
        return world.replicas

    def _when_idle(self, world: World, failed: bool) -> int:
        spec, current = self._spec, world.replicas
        if failed and (spec.fallback is None or spec.fallback.replicas):
            return current
        rest = spec.min_replicas if spec.idle_replicas is None else spec.idle_replicas
        if current > rest and (spec.idle_replicas is not None or spec.min_replicas == 0):
            since, pause = self._active_seconds, spec.cooldown_seconds
            if since is None:
                since, pause = 0.0, spec.initial_cooldown_seconds
            return rest if since + pause < world.now_seconds else current
        return max(current, rest) if spec.idle_replicas is None else current

    def _for_hpa(self, metric: Metric, world: World) -> float | Gone:
        trigger = self._triggers[metric.name]
        raw = self._polled.get(trigger.name) if trigger.cached else None
        if raw is None:
            raw = _read(trigger, metric, world)
        return self._with_fallback(trigger, raw, world)[0]

    def _with_fallback(self, trigger: Trigger, raw: float | Gone, world: World) -> tuple[float | Gone, bool]:
        """Return what the metric is taken to be, and whether that is the fallback."""
        if not isinstance(raw, Gone):
            self._failures[trigger.name] = 0
            return raw, False
        fallback = self._spec.fallback
        if fallback is None:
            return raw, False
        self._failures[trigger.name] += 1
        if self._failures[trigger.name] <= fallback.failure_threshold:
            return raw, False
        target = self._metrics[trigger.name].target
        replicas = float(_fallback_replicas(fallback, world.replicas))
        if target.type == "Value":
            if not world.ready:
                return raw, False
            replicas /= world.ready
        return target.amount / 1000 * replicas, True


def _read(trigger: Trigger, metric: Metric, world: World) -> float | Gone:
    if trigger.window is not None:
        return float(trigger.window_replicas) if trigger.window.includes(world.now_seconds) else 0.0
    value = world.read(metric.signal) if metric.signal else Gone.EMPTY
    return 0.0 if value is Gone.EMPTY and trigger.ignore_null else value


def _fallback_replicas(fallback: Fallback, current: int) -> int:
    match fallback.behavior:
        case "currentReplicas":
            return current
        case "currentReplicasIfHigher":
            return max(current, fallback.replicas)
        case "currentReplicasIfLower":
            return min(current, fallback.replicas)
        case _:
            return fallback.replicas
