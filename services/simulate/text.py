"""A simulation for people: lines, and two beside each other."""

import math
from collections.abc import Sequence

from services.load.quantities import significant, written
from services.load.text import judged, per_second, quantiles, share, sparkline
from services.simulate.fleet import Total
from services.simulate.hpa_spec import Hpa, Metric
from services.simulate.keda_spec import Keda
from services.simulate.manifest import Found
from services.simulate.observed import SHIFT_SECONDS, Difference
from services.simulate.queueing import Replica
from services.simulate.ray import RayServe
from services.simulate.report import Report
from services.simulate.run import Timing

HOUR_SECONDS = 3600


def scaler(found: Found) -> str:
    """Return what is simulated."""
    spec = found.spec
    if isinstance(spec, int):
        return f"{found.name}: {found.kind}, {spec:,} replicas"
    if isinstance(spec, Keda):
        fewest = spec.min_replicas if spec.idle_replicas is None else spec.idle_replicas
        return f"{found.name}: {found.kind}, {fewest:,} to {spec.hpa.max_replicas:,} replicas by {_metrics(spec.hpa)}"
    if isinstance(spec, Hpa):
        return (
            f"{found.name}: {found.kind}, {spec.min_replicas:,} to {spec.max_replicas:,} replicas by {_metrics(spec)}"
        )
    return f"{found.name}: {found.kind}, {spec.min_replicas:,} to {spec.max_replicas:,} replicas by {_ray(spec)}"


def assumed(replica: Replica, timing: Timing) -> str:
    """Return what a replica is taken to do."""
    return (
        f"{per_second(replica.rate)} at most, {written(replica.service_seconds)} of service, "
        f"{replica.concurrency:,} at a time; ready {written(timing.cold_start_seconds)} after its start"
    )


def lines(report: Report) -> list[str]:
    """Return a report."""
    over = [f"over      {name} for {_duration(count)}" for name, count in report.over_seconds.items()]
    return [
        f"requests  {report.requests:,.0f}, of which {share(report.error_ratio)} refused",
        f"replicas  {report.replicas_least:,} to {report.replicas_most:,}, {significant(report.replicas_mean)} "
        f"on average; {significant(report.replica_hours, 4)} replica-hours, {report.changes:,} changes",
        f"latency   {quantiles(report.latency_seconds)}",
        *over,
        "",
        *over_time(report),
        *(["", *map(judged, report.verdicts)] if report.verdicts else []),
    ]


def over_time(report: Report) -> list[str]:
    """Return the load, the replicas and the latency over time."""
    rates = [line.rate for line in report.timeline]
    replicas = [float(line.replicas) for line in report.timeline]
    p99 = [line.p99_seconds for line in report.timeline]
    slowest = max((value for value in p99 if value is not None), default=math.nan)
    return [
        f"rate      {sparkline(rates)}  at most {per_second(max(rates))}",
        f"replicas  {sparkline(replicas)}  at most {max(replicas):,.0f}",
        f"p99       {sparkline(p99)}  at most {written(slowest)}",
    ]


def beside(names: Sequence[str], reports: Sequence[Report]) -> list[str]:
    """Return reports as columns."""
    rows = [
        ("replica-hours", [significant(one.replica_hours, 4) for one in reports]),
        ("replicas, least", [f"{one.replicas_least:,}" for one in reports]),
        ("replicas, most", [f"{one.replicas_most:,}" for one in reports]),
        ("changes", [f"{one.changes:,}" for one in reports]),
        ("refused", [share(one.error_ratio) for one in reports]),
        *((name, [written(one.latency_seconds.get(name, math.nan)) for one in reports]) for name in ("p50", "p99")),
        *((f"{name} over", [_duration(one.over_seconds[name]) for one in reports]) for name in reports[0].over_seconds),
        *((_verdict_name(one, at), [_kept(each, at) for each in reports]) for one in reports[:1] for at in _each(one)),
    ]
    width = max(12, *(len(cell) for _, cells in rows for cell in cells), *map(len, names)) + 2
    head = f"{'':16}" + "".join(f"{name:>{width}}" for name in names)
    return [head, *(f"{name:16}" + "".join(f"{cell:>{width}}" for cell in cells) for name, cells in rows)]


def _each(report: Report) -> range:
    return range(len(report.verdicts))


def _verdict_name(report: Report, at: int) -> str:
    return f"{report.verdicts[at].name} wanted"


def _kept(report: Report, at: int) -> str:
    return "kept" if report.verdicts[at].kept else "MISSED"


def _metrics(spec: Hpa) -> str:
    return ", ".join(_metric(metric) for metric in spec.metrics)


def _metric(metric: Metric) -> str:
    if metric.target.type == "Utilization":
        return f"CPU at {metric.target.amount} % of {metric.request_milli}m"
    what = "CPU" if metric.cpu else metric.name
    of = "in all" if metric.target.type == "Value" else "each"
    return f"{what} at {significant(metric.target.amount / 1000)} {of}"


def _ray(spec: RayServe) -> str:
    return f"{significant(spec.target_ongoing_requests)} requests in flight each"


def _duration(seconds: float) -> str:
    if seconds < HOUR_SECONDS:
        return f"{seconds:,.0f} s"
    return f"{significant(seconds / HOUR_SECONDS)} h"


def difference(found: Difference) -> list[str]:
    """Return how far a simulation is from a cluster."""
    shift = "none" if found.most_shift_seconds is None else _duration(found.most_shift_seconds)
    return [
        f"observed  {found.changes:,} changes, {found.unmatched:,} of them not simulated",
        f"nearest   when the autoscaler looked {found.phase_seconds} s before the start; the others are apart by "
        f"{found.farthest_shifted:,} at most",
        f"apart     by {found.most_replicas:,} replicas at most, after {_duration(found.most_replicas_second)}; "
        f"by {found.most_replicas_shifted:,} when up to {SHIFT_SECONDS} s earlier or later count as the same",
        f"shifted   by {shift} at most",
        f"hours     {significant(found.replica_hours * 100)} % of the observed replica-hours",
    ]


def fleet(total: Total, reports: Sequence[tuple[str, Report]]) -> list[str]:
    """Return a fleet as a table, and its sums."""
    width = max(8, *(len(name) for name, _ in reports))
    head = f"{'service':{width}}  {'replica-hours':>13}  {'most':>6}  {'changes':>7}  {'refused':>9}  {'p99':>8}"
    rows = [
        f"{name:{width}}  {significant(one.replica_hours, 4):>13}  {one.replicas_most:>6,}  {one.changes:>7,}  "
        f"{share(one.error_ratio):>9}  {written(one.latency_seconds.get('p99', math.nan)):>8}"
        + ("" if one.kept else "  MISSED")
        for name, one in reports
    ]
    nodes = "" if total.nodes_most is None else f" on {total.nodes_most:,} nodes"
    refused = share(total.refused / total.requests if total.requests else 0.0)
    return [
        head,
        *rows,
        "",
        f"services  {total.services:,}, of which {len(total.missed):,} miss an objective",
        f"requests  {total.requests:,.0f}, of which {refused} refused",
        f"replicas  {total.replicas_most:,} at most{nodes}; {significant(total.replica_hours, 4)} replica-hours",
    ]
