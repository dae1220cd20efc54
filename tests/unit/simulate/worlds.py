"""A world that says what a test wants, and small inputs."""

from services.simulate.hpa_spec import Behavior, Hpa, Metric, Policy, Rules, Signal, Target
from services.simulate.replicas import PodMetrics
from services.simulate.world import Gone

FAST = Behavior(Rules(0, (Policy("Pods", 100, 15),)), Rules(0, (Policy("Pods", 100, 15),)))
IN_FLIGHT = Metric("load", Target("AverageValue", 4000), Signal.IN_FLIGHT)


def hpa(least=1, most=20, behavior=FAST, metric=IN_FLIGHT):
    return Hpa(least, most, (metric,), behavior)


class Said:
    """A world whose pods are ready at once. value: of any signal."""

    def __init__(self, replicas=1, value=0.0):
        self.now_seconds = 0.0
        self.replicas = self.ready = replicas
        self.value = value
        self.milli_each = 0

    def read(self, signal):
        return self.value

    def ongoing(self, window_seconds):
        return 0.0 if isinstance(self.value, Gone) else self.value

    def cpu(self):
        return PodMetrics(self.milli_each * self.ready, self.ready)

    def per_pod(self, signal):
        return self.value if isinstance(self.value, Gone) else PodMetrics(round(self.value * 1000), self.ready)


def follow(scaler, world, values, seconds=15.0):
    """Return the replicas after each look, while the signal takes these values."""
    found = []
    for value in values:
        world.value = value
        world.replicas = world.ready = scaler.decide(world)
        found.append(world.replicas)
        world.now_seconds += seconds
    return found
