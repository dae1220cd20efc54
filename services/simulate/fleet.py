"""Many services at once: what all of them need together."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from msgspec import Struct

from services.simulate.queueing import Values
from services.simulate.report import Report
from services.simulate.trace import Unreadable, number_of, read_rows

MAX_SERVICES = 10_000


class Member(Struct, frozen=True):
    """A service of a fleet. scale: how many times the trace's load it has."""

    name: str
    manifest: Path
    trace: Path
    scale: float


class Total(Struct, frozen=True):
    """A fleet. replicas_most: of all services at one time. nodes_most: None without replicas_per_node."""

    services: int
    requests: float
    refused: float
    replica_hours: float
    replicas_most: int
    nodes_most: int | None
    missed: list[str]


def parse(text: str, folder: Path) -> list[Member]:
    """Read CSV: name,manifest,trace and, where wanted, scale. Paths are relative to the folder. Raises Unreadable."""
    rows = read_rows(text, ("name", "manifest", "trace"))
    if not 0 < len(rows) <= MAX_SERVICES:
        raise Unreadable(f"{len(rows):,} services; one to {MAX_SERVICES:,} were expected")
    members = []
    for line, row in enumerate(rows, 2):
        name, manifest, trace = (row[column] or "" for column in ("name", "manifest", "trace"))
        if not (name and manifest and trace):
            raise Unreadable(f"line {line}: name, manifest and trace were expected")
        scale = number_of(row, "scale", line) if row.get("scale") else 1.0
        members.append(Member(name, folder / manifest, folder / trace, scale))
    return members


def total(
    members: Sequence[Member], simulate: Callable[[Member], tuple[Report, Values]], replicas_per_node: int | None
) -> tuple[Total, list[tuple[str, Report]]]:
    """Simulate one after the other. simulate: returns a report, and the replicas of each second."""
    reports: list[tuple[str, Report]] = []
    together: Values = np.zeros(0)
    for member in members:
        found, replicas = simulate(member)
        reports.append((member.name, found))
        longer, shorter = sorted((together, replicas), key=len, reverse=True)
        together = longer.copy()
        together[: len(shorter)] += shorter
    most = int(together.max())
    made = Total(
        services=len(reports),
        requests=sum(one.requests for _, one in reports),
        refused=sum(one.refused for _, one in reports),
        replica_hours=sum(one.replica_hours for _, one in reports),
        replicas_most=most,
        nodes_most=None if replicas_per_node is None else math.ceil(most / replicas_per_node),
        missed=[name for name, one in reports if not one.kept],
    )
    return made, reports
