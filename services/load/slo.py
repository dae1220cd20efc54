"""Objectives: what a service promises of its latency and its errors, and whether a run kept it."""

import re
from collections.abc import Callable

from msgspec import Struct

from services.load import quantities

_QUANTILE = re.compile(r"p(\d{1,2}(?:\.\d{1,6})?)", re.ASCII)
ERRORS = "errors"


class Objective(Struct, frozen=True):
    """At most `limit`: seconds at a quantile (p99), or the share of requests without a good answer (errors)."""

    name: str
    limit: float

    @property
    def percent(self) -> float | None:
        """The quantile in percent, None for errors."""
        return None if self.name == ERRORS else float(self.name[1:])


class Verdict(Struct, frozen=True):
    """What a run measured of an objective; found is None when there was no good answer to measure."""

    name: str
    limit: float
    found: float | None
    kept: bool


def parse(text: str) -> list[Objective]:
    """Read objectives such as `p99=50ms,errors=0.1%`. Raises ValueError."""
    found: dict[str, Objective] = {}
    for part in text.split(","):
        name, equals, limit = (word.strip() for word in part.partition("="))
        quantile = _QUANTILE.fullmatch(name)
        if not equals or not (name == ERRORS or (quantile and float(quantile[1]) > 0)):
            raise ValueError(f"{part!r} is no objective: p99=TIME or errors=SHARE was expected, as in p99=50ms")
        if name in found:
            raise ValueError(f"{name} is there twice")
        found[name] = Objective(name, quantities.ratio(limit) if name == ERRORS else quantities.seconds(limit))
    return list(found.values())


def judge(objectives: list[Objective], error_ratio: float, quantile: Callable[[float], float | None]) -> list[Verdict]:
    """Compare each objective with a run. quantile: percent → seconds, None when nothing was answered well."""
    verdicts = []
    for objective in objectives:
        percent = objective.percent
        found = error_ratio if percent is None else quantile(percent)
        kept = found is not None and found <= objective.limit
        verdicts.append(Verdict(objective.name, objective.limit, found, kept))
    return verdicts
