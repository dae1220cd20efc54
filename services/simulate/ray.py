"""Ray Serve's own autoscaler.

Source: ray/serve/autoscaling_policy.py and config.py of Ray 2.60 (replica_queue_length_autoscaling_policy, with
_apply_scaling_factors and _apply_delay_logic around it).
"""

import math
from typing import Annotated

from msgspec import Meta, Struct

from services.simulate.hpa_spec import Count, Positive, Signal
from services.simulate.world import Gone, World

# Serve looks ten times a second; what it sees changes no faster than once in a second here.
LOOK_SECONDS = 1
# As long as Serve waits, a sum of seconds may be a rounding short of it.
ROUNDING_SECONDS = 1e-6

Seconds = Annotated[float, Meta(ge=0)]
Factor = Annotated[float, Meta(gt=0)]


class RayServe(Struct, frozen=True):
    """The autoscaling_config of a Serve deployment, with Serve's defaults.

    prometheus: what is in flight comes from there, by the policy of services/engines/ray/policy.py.
    """

    min_replicas: Count = 1
    max_replicas: Positive = 1
    initial_replicas: Count | None = None
    target_ongoing_requests: Factor = 2.0
    upscale_delay_s: Seconds = 30.0
    downscale_delay_s: Seconds = 600.0
    downscale_to_zero_delay_s: Seconds | None = None
    look_back_period_s: Factor = 30.0
    upscaling_factor: Factor | None = None
    downscaling_factor: Factor | None = None
    prometheus: bool = False


class RayScaler:
    """Wants a number of replicas that keeps the target in flight, and takes it when it was wanted for long enough."""

    def __init__(self, spec: RayServe) -> None:
        self.period_seconds = LOOK_SECONDS
        self.least = spec.min_replicas if spec.initial_replicas is None else spec.initial_replicas
        self._spec = spec
        self._direction = 0
        self._since_seconds = 0.0

    def decide(self, world: World) -> int:
        """Return how many replicas there shall be."""
        wanted = self._wanted(world)
        if world.ready == 0 and wanted > 0:
            self._direction = 0
            return self._bounded(max(wanted, world.replicas))
        return self._bounded(self._delayed(world.now_seconds, world.replicas, max(0, wanted)))

    def _wanted(self, world: World) -> int:
        spec, running = self._spec, world.ready
        if spec.prometheus:
            value = world.read(Signal.IN_FLIGHT)
            asked = float(world.replicas) if isinstance(value, Gone) else max(1.0, value / spec.target_ongoing_requests)
        else:
            ongoing = world.ongoing(spec.look_back_period_s)
            if running == 0:
                return math.ceil(spec.upscaling_factor or 1.0) if ongoing > 0 else world.replicas
            asked = ongoing / spec.target_ongoing_requests
        if running == 0:
            return math.ceil(asked)
        return self._scaled(math.ceil(asked) if spec.prometheus else asked, running)

    def _scaled(self, asked: float, running: int) -> int:
        factor = self._spec.upscaling_factor if asked > running else self._spec.downscaling_factor
        scaled = math.ceil(running + (factor or 1.0) * (asked - running))
        stuck = math.ceil(asked) < running and scaled == running
        return scaled - 1 if stuck else scaled

    def _delayed(self, now_seconds: float, current: int, wanted: int) -> int:
        direction = (wanted > current) - (wanted < current)
        if direction != self._direction:
            self._direction, self._since_seconds = direction, now_seconds
        if direction == 0:
            return current
        spec = self._spec
        delay_seconds = spec.upscale_delay_s
        if direction < 0:
            to_zero_seconds = spec.downscale_to_zero_delay_s
            delay_seconds = spec.downscale_delay_s
            if current == 1 and to_zero_seconds is not None:
                delay_seconds = to_zero_seconds
            elif current > 1:
                wanted = max(1, wanted)
        if now_seconds - self._since_seconds + ROUNDING_SECONDS < delay_seconds:
            return current
        self._direction = 0
        return wanted

    def _bounded(self, wanted: int) -> int:
        return min(max(wanted, self._spec.min_replicas), self._spec.max_replicas)
