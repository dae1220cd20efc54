"""What a ScaledObject says, with KEDA's defaults.

Source: apis/keda/v1alpha1/scaledobject_types.go and withtriggers_types.go of KEDA 2.20.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from services.simulate.cron import Window
from services.simulate.hpa_spec import Count, Hpa, Positive

POLLING_SECONDS = 30
COOLDOWN_SECONDS = 300
MAX_REPLICAS = 100


class Fallback(Struct, frozen=True, rename="camel"):
    """What stands in for a metric that failed more often than failure_threshold in a row."""

    failure_threshold: Count
    replicas: Count
    behavior: Literal["static", "currentReplicas", "currentReplicasIfHigher", "currentReplicasIfLower"] = "static"


class Trigger(Struct, frozen=True):
    """One trigger besides CPU. The HPA's metric of the same name has its target.

    window: of a cron trigger, with the replicas that it wants in it. activation: above it, it is active.
    """

    name: str
    activation: float = 0.0
    ignore_null: bool = True
    cached: bool = False
    window: Window | None = None
    window_replicas: int = 0


class Keda(Struct, frozen=True):
    """The whole. hpa: what KEDA makes of it, whose minimum is at least one. triggers: without those on CPU."""

    hpa: Hpa
    triggers: tuple[Trigger, ...]
    min_replicas: Count = 0
    idle_replicas: Count | None = None
    polling_seconds: Positive = POLLING_SECONDS
    cooldown_seconds: Annotated[int, Meta(ge=0)] = COOLDOWN_SECONDS
    initial_cooldown_seconds: Annotated[int, Meta(ge=0)] = 0
    fallback: Fallback | None = None
