"""The picture of the comparison: requests per second, and latency with one connection."""

from pathlib import Path
from typing import Any

from bench.report import Record, Report
from bench.statistics import number

OURS, THEIRS, CEILING = "#0b6e99", "#b5532a", "#8a949b"


def draw(report: Report, path: Path) -> None:
    """Write the picture as SVG; the same results give the same file."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "trivet", "svg.fonttype": "none", "font.size": 9})
    from matplotlib import pyplot as plt

    records: list[Record] = report.as_json()["records"][::-1]
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 0.42 * len(records) + 1.4), sharey=True)
    _points(left, records, "requests/s", "requests per second, 32 connections")
    _points(right, records, "p50 ms, c=1", "median latency in milliseconds, 1 connection")
    machine = report.machine
    figure.suptitle(f"One core each for server and load; {machine['cpu']}, Python {machine['python']}", fontsize=9)
    figure.tight_layout()
    figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
    plt.close(figure)


def _points(axes: Any, records: list[Record], key: str, label: str) -> None:
    """Draw medians as points with their spread: on a logarithmic axis a bar's length means nothing."""
    for record in records:
        name, found = record["server"], record[key]
        if found["median"] is None:
            continue
        middle = found["median"]
        around = [[middle - found["min"]], [found["max"] - middle]]
        axes.errorbar([middle], [name], xerr=around, fmt="o", color=_colour(name), ecolor="#333333", capsize=3)
        axes.annotate(
            number(middle), (middle, name), xytext=(0, 5), textcoords="offset points", ha="center", fontsize=7
        )
    axes.set_xscale("log")
    axes.set_xlabel(f"{label} (logarithmic)")
    axes.margins(x=0.12, y=0.06)
    axes.grid(alpha=0.3)
    axes.set_axisbelow(True)


def _colour(name: str) -> str:
    if name.startswith("Trivet"):
        return OURS
    return CEILING if name == "echo" else THEIRS
