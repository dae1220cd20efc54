"""What an autoscaler sees of the cluster and of the load, and what it decides."""

from enum import Enum
from typing import Protocol

from services.simulate.forecast import Forecast
from services.simulate.hpa_spec import Signal
from services.simulate.replicas import PodMetrics


class Gone(Enum):
    """Why there is no value: the source does not answer, or answers without the series."""

    DOWN = "down"
    EMPTY = "empty"


class World(Protocol):
    """The cluster at one moment. now_seconds: from the start. replicas: asked for. ready: pods that serve."""

    now_seconds: float
    replicas: int
    ready: int

    def read(self, signal: Signal | Forecast) -> float | Gone:
        """Return a metric's newest value, or one that is forecast, summed over all pods."""

    def ongoing(self, window_seconds: float) -> float:
        """Return the mean of what was in flight or knocked, as Ray Serve counts it without Prometheus."""

    def cpu(self) -> PodMetrics:
        """Return the newest CPU samples, in thousandths of a core."""

    def per_pod(self, signal: Signal | Forecast) -> PodMetrics | Gone:
        """Return a metric pod by pod."""


class Scaler(Protocol):
    """An autoscaler with its memory. period_seconds: how often it is asked. least: the fewest that it starts with."""

    period_seconds: int
    least: int

    def decide(self, world: World) -> int:
        """Return how many replicas there shall be from now on."""


class Fixed:
    """No autoscaler: a number of replicas."""

    period_seconds = 60

    def __init__(self, replicas: int) -> None:
        self.least = replicas

    def decide(self, world: World) -> int:
        """Return the number of replicas that there are."""
        return world.replicas
