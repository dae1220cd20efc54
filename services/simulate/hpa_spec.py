"""What a HorizontalPodAutoscaler says: bounds, metrics and behaviour, with Kubernetes' defaults.

Source: staging/src/k8s.io/api/autoscaling/v2/types.go and pkg/apis/autoscaling/v2/defaults.go of Kubernetes 1.35.
"""

from enum import StrEnum
from typing import Annotated, Literal

from msgspec import Meta, Struct

from services.simulate.forecast import Forecast

# Of kube-controller-manager: how often it looks, and how near to the target is near enough.
SYNC_SECONDS = 15
TOLERANCE = 0.1
DOWN_WINDOW_SECONDS = 300
# For so long after its start a pod's CPU counts only when it is ready, and was so for a whole sample.
CPU_INITIALIZATION_SECONDS = 300

Count = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Positive = Annotated[int, Meta(ge=1, le=2**31 - 1)]


class Policy(Struct, frozen=True, rename="camel"):
    """How many pods, or percent of them, may come or go in a period."""

    type: Literal["Pods", "Percent"]
    value: Positive
    period_seconds: Annotated[int, Meta(ge=1, le=1800)]


class Rules(Struct, frozen=True):
    """How fast one direction may be taken. tolerance: how far from the target is still near enough."""

    window_seconds: int
    policies: tuple[Policy, ...]
    select: str = "Max"
    tolerance: float = TOLERANCE


UP = Rules(0, (Policy("Pods", 4, 15), Policy("Percent", 100, 15)))
DOWN = Rules(DOWN_WINDOW_SECONDS, (Policy("Percent", 100, 15),))


class Behavior(Struct, frozen=True):
    """Both directions."""

    up: Rules = UP
    down: Rules = DOWN


class Signal(StrEnum):
    """What a metric measures, of all replicas together; the rate also without any, as a gateway counts it."""

    IN_FLIGHT = "in-flight"
    WAITING = "waiting"
    RATE = "rate"


class Target(Struct, frozen=True):
    """What is wanted of a metric. amount: percent of the request for Utilization, else thousandths of its unit."""

    type: Literal["Utilization", "AverageValue", "Value"]
    amount: int


class Metric(Struct, frozen=True):
    """One metric. signal: what it measures, or will; None for the CPU, and for a schedule, which measures nothing.

    cpu: it is the CPU. per_pod: it is read pod by pod, not as one sum.

    request_milli: the CPU that a pod requests, in thousandths of a core.
    """

    name: str
    target: Target
    signal: Signal | Forecast | None = None
    cpu: bool = False
    per_pod: bool = False
    request_milli: int = 0


class Hpa(Struct, frozen=True):
    """The whole. behavior: None when the object has none, which is not the same as all defaults."""

    min_replicas: int
    max_replicas: int
    metrics: tuple[Metric, ...]
    behavior: Behavior | None = None
