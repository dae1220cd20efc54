"""A run as a picture: rates and latency over time, and latency by percentile; and the way to a knee."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from services import svg
from services.load.knee import Step
from services.load.record import Seconds
from services.load.report import Report
from services.load.slo import Objective

# As far as the tail is drawn: 99.999 %.
PERCENTILES = 1 - np.logspace(0, -5, 200)
NINES = (0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999)


def draw(path: Path, title: str, report: Report, latencies: Seconds) -> None:
    """Write the picture of a run. latencies: of the good answers, in seconds. Raises OSError."""
    picture = svg.figure(11, 7)
    picture.suptitle(title, fontsize=9)
    grid = picture.add_gridspec(2, 2, width_ratios=(2, 1))
    rate = picture.add_subplot(grid[0, 0])
    _rates(rate, report)
    _latency(picture.add_subplot(grid[1, 0], sharex=rate), report)
    _percentiles(picture.add_subplot(grid[:, 1]), latencies)
    svg.save(picture, path)


def draw_knee(path: Path, title: str, steps: Sequence[Step], objectives: Sequence[Objective]) -> None:
    """Write the picture of the rates that were tried: their latency, and the work in flight. Raises OSError."""
    picture = svg.figure(8, 7)
    picture.suptitle(title, fontsize=9)
    latency, in_flight = picture.subplots(2, 1, sharex=True)
    ordered = sorted(steps, key=lambda step: step.rate)
    rates = [step.rate for step in ordered]
    for objective in objectives:
        if objective.percent is not None:
            latency.axhline(
                objective.limit * 1e3, color=svg.RUST, linewidth=1, label=f"{objective.name} wanted at most"
            )
    latency.plot(
        rates, [_ms(step.report.latency_seconds.get("p99")) for step in ordered], "o-", color=svg.BLUE, label="p99"
    )
    latency.set_ylabel("milliseconds")
    latency.set_yscale("log")
    in_flight.plot(rates, [step.in_flight for step in ordered], "o-", color=svg.BLUE, label="in flight")
    in_flight.set_ylabel("requests")
    in_flight.set_xlabel("requests per second wanted")
    for axes in (latency, in_flight):
        axes.legend()
        svg.tidy(axes)
    svg.save(picture, path)


def _rates(axes: Any, report: Report) -> None:
    seconds = [line.second for line in report.timeline]
    axes.step(seconds, [line.wanted for line in report.timeline], where="post", color=svg.GREY, label="wanted")
    axes.step(seconds, [line.answered for line in report.timeline], where="post", color=svg.BLUE, label="answered well")
    axes.step(seconds, [line.failed for line in report.timeline], where="post", color=svg.RUST, label="failed")
    axes.set_ylabel("requests in a second, by intended time")
    axes.set_ylim(bottom=0)
    axes.legend()
    svg.tidy(axes)


def _latency(axes: Any, report: Report) -> None:
    seconds = [line.second + 0.5 for line in report.timeline]
    axes.plot(seconds, [_ms(line.p99_seconds) for line in report.timeline], color=svg.BLUE, label="p99")
    axes.plot(seconds, [_ms(line.p50_seconds) for line in report.timeline], color=svg.GREY, label="p50")
    for verdict in report.verdicts:
        if verdict.name.startswith("p"):
            axes.axhline(verdict.limit * 1e3, color=svg.RUST, linewidth=1, label=f"{verdict.name} wanted at most")
    axes.set_xlabel("seconds")
    axes.set_ylabel("latency in milliseconds")
    axes.set_yscale("log")
    axes.legend()
    svg.tidy(axes)


def _percentiles(axes: Any, latencies: Seconds) -> None:
    """Draw latency by percentile, each nine as wide as the one before, as far as the answers are enough for."""
    enough = 1 - 1 / max(len(latencies), 1)
    known = PERCENTILES[enough >= PERCENTILES]
    if len(latencies):
        axes.plot(-np.log10(1 - known), np.quantile(latencies, known, method="higher") * 1e3, color=svg.BLUE)
    axes.set_xticks([-np.log10(1 - nine) for nine in NINES], [f"{nine * 100:g}" for nine in NINES], fontsize=7)
    axes.set_xlabel("percentile")
    axes.set_ylabel("latency in milliseconds, from the intended time")
    axes.set_yscale("log")
    svg.tidy(axes)


def _ms(seconds: float | None) -> float:
    return float("nan") if seconds is None else seconds * 1e3
