"""A report for people: lines, a histogram and two lines of the run over time."""

import math
from collections.abc import Sequence

import numpy as np

from services.load.knee import Step
from services.load.quantities import significant, written
from services.load.record import Seconds
from services.load.report import Report
from services.load.schedule import Segment
from services.load.slo import ERRORS, Objective, Verdict

WIDTH = 60
BAR_WIDTH = 40
BLOCKS = " ▁▂▃▄▅▆▇█"
# Four bars for each factor of ten.
BUCKETS_A_DECADE = 4


def lines(report: Report, latencies: Seconds) -> list[str]:
    """Return a report. latencies: of the good answers, in seconds."""
    found = [
        f"requests  {report.wanted:,} wanted, {report.sent:,} sent, {report.answered:,} answered well",
        f"rate      {per_second(report.wanted_rate)} wanted, {per_second(report.sent_rate)} sent, "
        f"{per_second(report.answered_rate)} answered well",
        f"statuses  {_counts(report.statuses)}",
        f"errors    {share(report.error_ratio)}" + (f": {_counts(report.failures)}" if report.failures else ""),
        f"latency   {quantiles(report.latency_seconds)}",
        f"in flight {significant(report.in_flight)} on average, {report.in_flight_most:,} at most",
        f"generator late by {quantiles(report.lateness_seconds)}",
    ]
    if report.unfinished:
        found.append(f"stopped   with {report.unfinished:,} requests on their way")
    if len(report.timeline) > 2:
        found += ["", *_over_time(report)]
    if len(latencies):
        found += ["", *histogram(latencies)]
    if report.verdicts:
        found += ["", *(judged(verdict) for verdict in report.verdicts)]
    if not report.kept_up:
        found += ["", _not_good(report)]
    return found


def plan(segments: Sequence[Segment]) -> str:
    """Return the lowest and the highest rate of a profile, and how long it takes."""
    low = min(min(segment.start_rate, segment.end_rate) for segment in segments)
    high = max(max(segment.start_rate, segment.end_rate) for segment in segments)
    rates = per_second(high) if low == high else f"{per_second(low)} to {per_second(high)}"
    return f"{rates}, {written(sum(segment.seconds for segment in segments))}"


def objective(one: Objective) -> str:
    """Return an objective as a phrase."""
    return f"{one.name} at most {share(one.limit) if one.name == ERRORS else written(one.limit)}"


STEP_HEADINGS = "      rate   answered        p50        p99     errors  in flight"


def step(one: Step) -> str:
    """Return a step on the way to a knee as a line under STEP_HEADINGS."""
    report = one.report
    p50, p99 = (written(report.latency_seconds.get(name, math.nan)) for name in ("p50", "p99"))
    verdict = "kept" if report.kept else "missed"
    late = "" if report.kept_up else ", the generator was late"
    cells = (per_second(one.rate), per_second(report.answered_rate), p50, p99, share(report.error_ratio))
    return f"{''.join(f'{cell:>11}' for cell in cells)[1:]} {significant(one.in_flight):>10}  {verdict}{late}"


def sparkline(values: Sequence[float | None], width: int = WIDTH) -> str:
    """Return values as a line of blocks, from zero to the largest; several fall together where there are many."""
    known = [0.0 if value is None else value for value in values]
    groups = np.array_split(np.array(known), min(width, len(known)))
    heights = [float(group.max()) for group in groups]
    top = max(heights) or 1.0
    return "".join(BLOCKS[math.ceil(height / top * (len(BLOCKS) - 1))] for height in heights)


def histogram(latencies: Seconds) -> list[str]:
    """Return how many latencies are up to each of a few times, as bars."""
    first, last = (
        math.floor(math.log10(max(end, 1e-6)) * BUCKETS_A_DECADE) for end in (latencies.min(), latencies.max())
    )
    bounds = [10 ** (step / BUCKETS_A_DECADE) for step in range(first, last + 2)]
    counts, _ = np.histogram(latencies, bins=[0.0, *bounds[1:-1], math.inf])
    bars = [math.ceil(count / counts.max() * BAR_WIDTH) for count in counts]
    return [
        f"{'up to ' + written(bound):>15}  {'█' * bar:{BAR_WIDTH}} {count:,}"
        for bound, bar, count in zip(bounds[1:], bars, counts, strict=True)
    ]


def _over_time(report: Report) -> list[str]:
    answered = [line.answered for line in report.timeline]
    p99 = [line.p99_seconds for line in report.timeline]
    slowest = max((value for value in p99 if value is not None), default=math.nan)
    return [
        f"answered  {sparkline(answered)}  at most {per_second(max(answered))}",
        f"p99       {sparkline(p99)}  at most {written(slowest)}",
    ]


def judged(verdict: Verdict) -> str:
    """Return whether an objective was kept as a line."""
    write = share if verdict.name == ERRORS else written
    found = "nothing" if verdict.found is None else write(verdict.found)
    return (
        f"{'kept' if verdict.kept else 'MISSED':9} {verdict.name} is {found}, at most {write(verdict.limit)} is wanted"
    )


def _not_good(report: Report) -> str:
    late, limit = written(report.lateness_seconds["p99"]), written(report.lateness_limit_seconds)
    return (
        f"NOT GOOD  The generator could not keep up: its 99th percentile was {late} late, where {limit} is allowed. "
        "Give it a core of its own, or ask for a lower rate."
    )


def per_second(value: float) -> str:
    """Return a rate."""
    return f"{significant(value, 4)}/s"


def share(ratio: float) -> str:
    """Return a share as a percentage."""
    return f"{significant(ratio * 100)} %"


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.items()) or "none"


def quantiles(found: dict[str, float]) -> str:
    """Return latencies with their names."""
    return ", ".join(f"{name} {written(value)}" for name, value in found.items()) or "no good answer"
