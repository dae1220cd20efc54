"""The picture of the comparison: requests per second, and latency with one connection."""

from pathlib import Path
from typing import Any

from bench.report import Record, Report
from bench.statistics import number
from services import svg


def draw(report: Report, path: Path) -> None:
    """Write the picture as SVG; the same results give the same file."""
    records: list[Record] = report.as_json()["records"][::-1]
    picture = svg.figure(11, 0.42 * len(records) + 1.4)
    left, right = picture.subplots(1, 2, sharey=True)
    _points(left, records, "requests/s", "requests per second, 32 connections")
    _points(right, records, "p50 ms, c=1", "median latency in milliseconds, 1 connection")
    machine = report.machine
    picture.suptitle(f"One core each for server and load; {machine['cpu']}, Python {machine['python']}", fontsize=9)
    svg.save(picture, path)


def _points(axes: Any, records: list[Record], key: str, label: str) -> None:
    """Draw medians as points with their spread: on a logarithmic axis a bar's length means nothing."""
    for record in records:
        name, found = record["server"], record[key]
        if found["median"] is None:
            continue
        middle = found["median"]
        around = [[middle - found["min"]], [found["max"] - middle]]
        axes.errorbar([middle], [name], xerr=around, fmt="o", color=_colour(name), ecolor=svg.BLACK, capsize=3)
        axes.annotate(
            number(middle), (middle, name), xytext=(0, 5), textcoords="offset points", ha="center", fontsize=7
        )
    axes.set_xscale("log")
    axes.set_xlabel(f"{label} (logarithmic)")
    axes.margins(x=0.12, y=0.06)
    svg.tidy(axes)


def _colour(name: str) -> str:
    if name.startswith("Trivet"):
        return svg.BLUE
    return svg.GREY if name == "echo" else svg.RUST
