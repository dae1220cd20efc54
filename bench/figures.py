"""What Trivet's engines are held to, computed from the records of the scenario `engines`."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from bench.contenders import STOCK_RAY, stock_bentoml, trivet_on
from bench.report import Record
from bench.statistics import number

BUSY_RATE, BUSY_P99 = "requests/s", "p99 ms, c=32"


class Figure(NamedTuple):
    """One figure: NaN where a server that it needs was not measured. wanted: at least, or at most, so much."""

    what: str
    value: float
    wanted: float
    at_most: bool = False

    @property
    def verdict(self) -> str:
        if math.isnan(self.value):
            return "not measured"
        reached = self.value <= self.wanted if self.at_most else self.value >= self.wanted
        return "reached" if reached else "not reached"

    def cells(self) -> tuple[str, str, str, str]:
        """Return what it is, its value, what is wanted, and the verdict."""
        wanted = f"{'at most' if self.at_most else 'at least'} {self.wanted:g}"
        return self.what, number(self.value), wanted, self.verdict


def figures(records: Sequence[Record]) -> list[Figure]:
    """Return every figure; records: as JSON has them."""
    found = {record["server"]: record for record in records}
    fastapi, bentoml, ray = trivet_on("fastapi"), trivet_on("bentoml"), trivet_on("ray", 2)
    services = [peer.name for peer in stock_bentoml()]
    best = max(services, key=lambda name: _median(found, name, BUSY_RATE, -math.inf))

    def ratio(one: str, other: str, column: str = BUSY_RATE) -> float:
        return _median(found, one, column) / (_median(found, other, column) or math.nan)

    return [
        Figure(f"requests/s: {bentoml} / {fastapi}", ratio(bentoml, fastapi), 0.6),
        Figure(f"requests/s: {bentoml} / {best}, the best of the stock services", ratio(bentoml, best), 8),
        Figure(f"requests/s: {ray} / {STOCK_RAY}", ratio(ray, STOCK_RAY), 20),
        Figure(f"p99, 32 connections: {bentoml} / {best}", ratio(bentoml, best, BUSY_P99), 1, at_most=True),
        Figure(f"p99, 32 connections: {ray} / {STOCK_RAY}", ratio(ray, STOCK_RAY, BUSY_P99), 1, at_most=True),
        *(Figure(f"errors: {name}", _errors(found, name), 0, at_most=True) for name in (fastapi, bentoml, ray)),
    ]


def _median(found: dict[str, Record], name: str, column: str, otherwise: float = math.nan) -> float:
    value = found.get(name, {}).get(column, {}).get("median")
    return otherwise if value is None else float(value)


def _errors(found: dict[str, Record], name: str) -> float:
    record = found.get(name, {})
    return float(sum(record["errors"].values())) if record.get("rounds") else math.nan
