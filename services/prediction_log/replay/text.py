"""A replay for people: lines, and a table of the rows that differ most."""

from collections.abc import Sequence
from typing import Any

import msgspec

from services.prediction_log.replay.compare import Differences, WorstRow
from services.prediction_log.replay.run import Compute, Report
from services.prediction_log.words import counts, moment, table

CELL_CHARACTERS = 40


def lines(report: Report, model: str, max_changed_ratio: float) -> list[str]:
    """Return a report. model: whose requests were read."""
    found = [
        f"replayed  {report.requests:,} requests of {model}, {moment(report.first)} to {moment(report.last)} UTC",
        f"compared  {report.rows:,} rows of {report.compared:,} requests that these versions answered: "
        f"{counts(report.versions)}",
    ]
    found += [f"left out  {count:,} {reason}" for reason, count in report.left_out.items()]
    if report.more:
        found.append("left out  older requests, by --limit")
    verdict = "changed" if report.changed_ratio <= max_changed_ratio else "CHANGED"
    found.append(
        f"{verdict}   {report.changed:,} rows, {report.changed_ratio:.3%}; at most {max_changed_ratio:.3%} may"
    )
    found += [f"numbers   {name}: {_differences(each)}" for name, each in report.differences.items()]
    found.append(f"compute   {_compute(report.compute)}")
    if report.worst:
        found += ["", *table(("request id", "row", "old", "new", "difference"), map(_worst, report.worst))]
    return found


def _differences(found: Differences) -> str:
    parts = {**found.quantiles, "largest": found.largest}
    return ", ".join(f"{name} {'infinite' if value is None else f'{value:.3g}'}" for name, value in parts.items())


def _compute(found: Compute) -> str:
    before = f"; when served {_seconds(found.logged_p50_seconds)}, p99 {_seconds(found.logged_p99_seconds)}"
    return (
        f"{found.runs:,} runs of p50 {_seconds(found.p50_seconds)}, p99 {_seconds(found.p99_seconds)}, "
        f"{_seconds(found.row_seconds)} a row{before}"
    )


def _seconds(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return f"{seconds * 1e6:,.3g} us" if seconds < 1e-3 else f"{seconds * 1e3:,.4g} ms"


def _worst(row: WorstRow) -> Sequence[str]:
    return row.request_id, str(row.row), _cell(row.old), _cell(row.new), f"{row.difference:.3g}"


def _cell(value: Any) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= CELL_CHARACTERS else f"{text[: CELL_CHARACTERS - 1]}…"
