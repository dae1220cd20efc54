"""What a replica can do, from what `trivet load --find-knee --json` measured of one."""

import math

import msgspec
from msgspec import Struct

from services.simulate.queueing import Replica
from services.simulate.trace import Unreadable

# Of an exponential distribution of mean 1: the 99th percentile less the median.
_SPREAD = math.log(100) - math.log(2)
MAX_CONCURRENCY = 10_000


class _Report(Struct):
    answered_rate: float
    latency_seconds: dict[str, float]


class _Step(Struct):
    rate: float
    report: _Report


class _Knee(Struct):
    steps: list[_Step]


def of_knee(text: bytes) -> Replica:
    """Return a replica as it was measured. Raises Unreadable.

    The lowest rate that was tried tells the service time, since hardly a request waits at it, and how much it varies;
    the most that was ever answered tells how many are served at a time.
    """
    try:
        steps = msgspec.json.decode(text, type=_Knee).steps
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unreadable(f"this is not what `trivet load --find-knee --json` prints: {error}") from error
    answered = [step for step in steps if {"p50", "p99", "mean"} <= step.report.latency_seconds.keys()]
    if not answered:
        raise Unreadable("none of the steps has an answer to measure")
    calm = min(answered, key=lambda step: step.rate).report.latency_seconds
    rate = max(step.report.answered_rate for step in answered)
    service_seconds = calm["mean"]
    if not (0 < service_seconds < math.inf and 0 < rate < math.inf):
        raise Unreadable("the steps have no latency or no rate above zero")
    concurrency = min(max(1, round(rate * service_seconds)), MAX_CONCURRENCY)
    # A latency holds more than the service; what was answered per second is sure.
    service_seconds = concurrency / rate
    cv = (calm["p99"] - calm["p50"]) / _SPREAD / service_seconds
    return Replica(service_seconds, concurrency, service_cv=min(max(cv, 0.0), 1.0) if math.isfinite(cv) else 1.0)
