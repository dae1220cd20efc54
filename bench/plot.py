"""The picture of the comparison: requests per second, and latency with one connection."""

from pathlib import Path
from typing import Any

from bench.report import Record, Report

OURS, THEIRS, CEILING = "#0b6e99", "#9aa5ad", "#d9dde0"


def draw(report: Report, path: Path) -> None:
    """Write the picture as SVG; the same results give the same file."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "trivet", "svg.fonttype": "none", "font.size": 9})
    from matplotlib import pyplot as plt

    records: list[Record] = report.as_json()["records"][::-1]
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 0.42 * len(records) + 1.4), sharey=True)
    _bars(left, records, "requests/s", "requests per second, 32 connections")
    _bars(right, records, "p50 ms, c=1", "median latency in milliseconds, 1 connection")
    right.set_xscale("log")
    left.set_xscale("log")
    machine = report.machine
    figure.suptitle(f"One core each for server and load; {machine['cpu']}, Python {machine['python']}", fontsize=9)
    figure.tight_layout()
    figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
    plt.close(figure)


def _bars(axes: Any, records: list[Record], key: str, label: str) -> None:
    names = [record["server"] for record in records]
    medians = [record[key]["median"] or 0.0 for record in records]
    around = [
        [middle - (record[key]["min"] or 0.0) for middle, record in zip(medians, records, strict=True)],
        [(record[key]["max"] or 0.0) - middle for middle, record in zip(medians, records, strict=True)],
    ]
    axes.barh(names, medians, xerr=around, color=[_colour(name) for name in names], ecolor="#333333", capsize=2)
    axes.set_xlabel(label)
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)


def _colour(name: str) -> str:
    if name.startswith("Trivet"):
        return OURS
    return CEILING if name == "echo" else THEIRS
