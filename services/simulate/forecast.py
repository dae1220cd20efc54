"""A trigger that looks ahead: the line through what was recorded, continued, and bounded by what is there now.

Source: promql/functions.go of Prometheus 3.16, predict_linear and clamp_max.
"""

import re

import numpy as np
from msgspec import Struct

from services.simulate.queueing import Values

# How often the recording rule of the chart `observability` is evaluated.
RECORDED_SECONDS = 15

_NUMBER = r"\d+(?:\.\d+)?"
_LINE = re.compile(
    r"predict_linear\s*\(\s*(?P<series>[\w:]*in_?flight[\w:]*)\s*(?:\{[^}]*\})?\s*\[(?P<lookback>\d+)(?P<unit>[smh])\]\s*,"
    rf"\s*(?:(?P<ahead>{_NUMBER})\s*\)|scalar\(.*?cold_start.*?\)\s*\))",
    re.IGNORECASE,
)
_GROWTH = re.compile(rf"clamp_max\s*\(.*scalar\s*\(\s*(?P<growth>{_NUMBER})\s*\*", re.IGNORECASE | re.DOTALL)
_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600}


class Forecast(Struct, frozen=True):
    """Work in flight as the trend of the last lookback_seconds has it, ahead_seconds from now.

    ahead_seconds: None for as long as a start takes. most_growth: times what there is now; infinity where unbounded.
    """

    lookback_seconds: int
    ahead_seconds: float | None = None
    most_growth: float = float("inf")


def read(query: str) -> Forecast | None:
    """Return what a query looks ahead by; None where it is no `predict_linear` of work in flight."""
    line = _LINE.search(query)
    if line is None or query.count("predict_linear") > 1:
        return None
    growth = _GROWTH.search(query)
    return Forecast(
        lookback_seconds=int(line["lookback"]) * _UNIT_SECONDS[line["unit"].lower()],
        ahead_seconds=None if line["ahead"] is None else float(line["ahead"]),
        most_growth=float(growth["growth"]) if growth else float("inf"),
    )


def expected(since: Values, recorded: Values, forecast: Forecast, start_seconds: float) -> float:
    """Return the forecast from samples, the oldest first; NaN from fewer than two.

    since: when they were taken, in seconds from now, so below 0. start_seconds: how long a start takes.
    """
    if len(recorded) < 2:
        return float("nan")
    ahead_seconds = start_seconds if forecast.ahead_seconds is None else forecast.ahead_seconds
    spread = since - since.mean()
    slope = float((spread * recorded).sum() / (spread * spread).sum())
    value = float(recorded.mean()) + slope * (ahead_seconds - float(since.mean()))
    return min(value, forecast.most_growth * float(recorded[-1]))


def samples(in_flight: Values, ready: Values, lookback_seconds: int, mean_seconds: int) -> tuple[Values, Values]:
    """Return when the recording rule was evaluated, in seconds from the end, and what it recorded.

    in_flight, ready: one entry a second. The rule takes the mean of the last mean_seconds; without a replica it records
    nothing.
    """
    count = len(in_flight)
    at = np.arange(count - 1, max(-1, count - 1 - lookback_seconds), -RECORDED_SECONDS)[::-1]
    summed = np.concatenate(([0.0], np.cumsum(in_flight)))
    begin = np.maximum(at + 1 - mean_seconds, 0)
    means = (summed[at + 1] - summed[begin]) / (at + 1 - begin)
    known = ready[at] > 0
    return (at[known] - (count - 1)).astype(float), means[known]
