"""The Horizontal Pod Autoscaler with its memory: recommendations of the window, and changes of the periods.

Source: pkg/controller/podautoscaler/horizontal.go of Kubernetes 1.35 (computeReplicasForMetrics, reconcileAutoscaler,
normalizeDesiredReplicas, normalizeDesiredReplicasWithBehaviors and what they call).
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from services.simulate.hpa_spec import DOWN_WINDOW_SECONDS, SYNC_SECONDS, Behavior, Hpa, Metric, Rules
from services.simulate.replicas import by_pods, by_sum
from services.simulate.world import Gone, World

# Without any `behavior` at most twice as many at once, or four.
UP_FACTOR, UP_LEAST = 2, 4

Read = Callable[[Metric, World], float | Gone]


class _At(NamedTuple):
    seconds: float
    number: int


def read_live(metric: Metric, world: World) -> float | Gone:
    """Return a metric's value as the metrics API hands it out."""
    return world.read(metric.signal) if metric.signal else Gone.EMPTY


class HpaScaler:
    """Decides every 15 seconds. read: where the metrics that are one number come from."""

    def __init__(self, spec: Hpa, read: Read = read_live) -> None:
        self.period_seconds = SYNC_SECONDS
        self.least = max(1, spec.min_replicas)
        self._spec = spec
        self._read = read
        self._recommended: list[_At] = []
        self._ups: list[_At] = []
        self._downs: list[_At] = []

    def decide(self, world: World) -> int:
        """Return how many replicas there shall be."""
        return self.settle(world.now_seconds, world.replicas, lambda: [self._ask(m, world) for m in self._spec.metrics])

    def settle(self, now_seconds: float, current: int, ask: Callable[[], Sequence[int | None]]) -> int:
        """Return what becomes of the metrics' proposals. ask: gets them; None is a metric that failed."""
        spec = self._spec
        if not self._recommended:
            self._recommended.append(_At(now_seconds, current))
        if current == 0 and spec.min_replicas:
            return 0  # somebody switched it off
        if current > spec.max_replicas or current < spec.min_replicas:
            wanted = min(max(current, spec.min_replicas), spec.max_replicas)
        else:
            proposed = ask()
            known = [proposal for proposal in proposed if proposal is not None]
            highest = max(known, default=0)
            if not known or (len(known) < len(proposed) and highest < current):
                return current
            wanted = self._normalise(now_seconds, current, highest)
        self._remember(now_seconds, current, wanted)
        return wanted

    def _ask(self, metric: Metric, world: World) -> int | None:
        behavior = self._spec.behavior
        if metric.cpu:
            return by_pods(world.cpu(), metric, world.replicas, behavior)
        if metric.per_pod and metric.signal:
            pods = world.per_pod(metric.signal)
            return None if isinstance(pods, Gone) else by_pods(pods, metric, world.replicas, behavior)
        value = self._read(metric, world)
        if isinstance(value, Gone):
            return None
        return by_sum(max(0, round(value * 1000)), metric.target, world.replicas, world.ready, behavior)

    def _normalise(self, now_seconds: float, current: int, wanted: int) -> int:
        behavior = self._spec.behavior
        if behavior is None:
            recent = [one.number for one in self._since(now_seconds - DOWN_WINDOW_SECONDS, including=True)]
            self._recommend(now_seconds, wanted, DOWN_WINDOW_SECONDS)
            most = min(self._spec.max_replicas, max(UP_FACTOR * current, UP_LEAST))
            stable = max(wanted, *recent, 0)
            return self._spec.min_replicas if stable < self._spec.min_replicas else min(stable, most)
        stable = self._stabilise(now_seconds, current, wanted, behavior)
        if stable > current:
            limit = max(current, self._limit(now_seconds, current, behavior.up, 1))
            return min(stable, self._spec.max_replicas, limit)
        if stable < current:
            limit = min(current, self._limit(now_seconds, current, behavior.down, -1))
            return max(stable, self._spec.min_replicas, limit)
        return stable

    def _stabilise(self, now_seconds: float, current: int, wanted: int, behavior: Behavior) -> int:
        """Keep the number between the lowest of the window up and the highest of the window down."""
        up_seconds, down_seconds = behavior.up.window_seconds, behavior.down.window_seconds
        lowest = min([wanted, *(one.number for one in self._since(now_seconds - up_seconds))])
        highest = max([wanted, *(one.number for one in self._since(now_seconds - down_seconds))])
        self._recommend(now_seconds, wanted, max(up_seconds, down_seconds))
        return min(max(current, lowest), highest)

    def _limit(self, now_seconds: float, current: int, rules: Rules, sign: int) -> int:
        """Return how far the policies let the number of replicas go. sign: 1 is up, -1 is down."""
        if rules.select == "Disabled":
            return current
        limits = []
        for policy in rules.policies:
            since = now_seconds - policy.period_seconds
            start = current - _sum(self._ups, since) + _sum(self._downs, since)
            if policy.type == "Pods":
                limits.append(start + sign * policy.value)
            else:
                changed = start * (1 + sign * policy.value / 100)
                limits.append(math.ceil(changed) if sign > 0 else int(changed))
        furthest = (rules.select == "Max") == (sign > 0)
        return max(limits) if furthest else min(limits)

    def _since(self, cutoff_seconds: float, including: bool = False) -> list[_At]:
        return [
            one
            for one in self._recommended
            if one.seconds > cutoff_seconds or (including and one.seconds == cutoff_seconds)
        ]

    def _recommend(self, now_seconds: float, wanted: int, window_seconds: float) -> None:
        if self._recommended[0].seconds < now_seconds - window_seconds:
            self._recommended = self._since(now_seconds - window_seconds, including=True)
        self._recommended.append(_At(now_seconds, wanted))

    def _remember(self, now_seconds: float, current: int, wanted: int) -> None:
        behavior = self._spec.behavior
        if behavior is None or wanted == current:
            return
        changes = self._ups if wanted > current else self._downs
        rules = behavior.up if wanted > current else behavior.down
        longest_seconds = max((policy.period_seconds for policy in rules.policies), default=0)
        changes[:] = [one for one in changes if one.seconds >= now_seconds - longest_seconds]
        changes.append(_At(now_seconds, abs(wanted - current)))


def _sum(changes: Sequence[_At], cutoff_seconds: float) -> int:
    return sum(one.number for one in changes if one.seconds > cutoff_seconds)
