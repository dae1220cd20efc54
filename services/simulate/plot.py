"""Simulations as a picture: the load, the replicas and the latency over time."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from services import svg
from services.load.slo import Objective
from services.simulate.report import Line, Report

HOUR_SECONDS = 3600.0
# Beyond this time the axis counts hours.
LONG_SECONDS = 3 * HOUR_SECONDS
COLOURS = (svg.BLUE, svg.RUST)


def draw(
    path: Path,
    title: str,
    reports: Sequence[tuple[str, Report]],
    objectives: Sequence[Objective],
    observed: tuple[Sequence[float], Sequence[float]] | None = None,
) -> None:
    """Write the picture of one simulation or two. observed: seconds and replicas of a cluster. Raises OSError."""
    picture = svg.figure(11, 8)
    picture.suptitle(title, fontsize=9)
    panels = picture.subplots(3, 1, sharex=True)
    rate, replicas, latency = panels
    unit_seconds = HOUR_SECONDS if reports[0][1].seconds > LONG_SECONDS else 1.0
    first = reports[0][1].timeline
    rate.step(
        [line.second / unit_seconds for line in first],
        [line.rate for line in first],
        where="post",
        color=svg.GREY,
        label="load",
    )
    for colour, (name, report) in zip(COLOURS, reports, strict=False):
        _add(panels, colour, name, report, unit_seconds)
    if observed:
        seconds, seen = observed
        replicas.step([at / unit_seconds for at in seconds], seen, where="post", color=svg.BLACK, label="observed")
    for one in objectives:
        if one.percent is not None:
            latency.axhline(one.limit * 1e3, color=svg.GREY, linestyle="--", label=f"{one.name} wanted at most")
    for axes, what in zip(panels, ("requests per second", "replicas", "latency in milliseconds"), strict=True):
        axes.set_ylabel(what)
        axes.legend()
        svg.tidy(axes)
    for axes in (rate, replicas):
        axes.set_ylim(bottom=0)
    latency.set_yscale("log")
    latency.set_xlabel("hours" if unit_seconds > 1 else "seconds")
    svg.save(picture, path)


def _add(panels: Any, colour: str, name: str, report: Report, unit_seconds: float) -> None:
    """Add one simulation to what is refused, to the replicas and to the latency."""
    rate, replicas, latency = panels
    lines = report.timeline
    at = [line.second / unit_seconds for line in lines]
    refused = [_refused(line, report) for line in lines]
    rate.step(at, refused, where="post", color=colour, label=_of("refused", name))
    replicas.step(at, [line.replicas for line in lines], where="post", color=colour, label=_of("replicas", name))
    latency.plot(at, [_ms(line.p99_seconds) for line in lines], color=colour, label=_of("p99", name))


def _of(what: str, name: str) -> str:
    return f"{what} of {name}" if name else what


def _refused(line: Line, report: Report) -> float:
    later = report.timeline[1].second if len(report.timeline) > 1 else report.seconds
    return line.refused / max(1, min(later - report.timeline[0].second, report.seconds - line.second))


def _ms(seconds: float | None) -> float:
    return float("nan") if seconds is None else seconds * 1e3
