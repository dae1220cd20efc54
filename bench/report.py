"""What a scenario found: records that go to JSON as they are, and a table for people."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench.statistics import number

Record = dict[str, Any]


@dataclass
class Report:
    """The result of one scenario.

    records: one a row of the table; the keys are the headings, with their units. notes: what a reader has to know.
    settings: how it was measured. versions: of the packages that matter, for each environment.
    breaks: the headings before which the printed table is cut, because a line can be only so long.
    """

    name: str
    title: str
    records: list[Record]
    notes: list[str] = field(default_factory=list)
    settings: Record = field(default_factory=dict)
    machine: Record = field(default_factory=dict)
    versions: dict[str, dict[str, str]] = field(default_factory=dict)
    breaks: list[str] = field(default_factory=list)

    def table(self) -> str:
        """Return the records as Markdown that is aligned for a terminal, too: a new table begins at each break."""
        headings = list(dict.fromkeys(key for record in self.records for key in record))
        first, rest = headings[:1], headings[1:]
        groups: list[list[str]] = [[]]
        for heading in rest:
            if heading in self.breaks:
                groups.append([])
            groups[-1].append(heading)
        return "\n\n".join(self._one_table(first + group) for group in groups)

    def _one_table(self, headings: list[str]) -> str:
        return table([{heading: record.get(heading) for heading in headings} for record in self.as_json()["records"]])

    def as_json(self) -> Record:
        found: Record = _plain(asdict(self))
        return found


def write_json(path: Path, reports: dict[str, Record]) -> None:
    """Write the reports of several scenarios; the order of a record's keys is the order of the table's columns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(reports, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> dict[str, Record]:
    found: dict[str, Record] = json.loads(path.read_text()) if path.is_file() else {}
    return found


def markdown(reports: dict[str, Record]) -> str:
    """Return the page of the kept results."""
    lines = ["# Benchmarks", "", "Written by `python -m bench all --keep`; how it measures: `bench/README.md`.", ""]
    for name in sorted(reports, key=lambda name: (name != "peers", name)):
        report = from_json(reports[name])
        lines += [f"## {report.title}", ""]
        if name == "peers":
            lines += ["![Requests per second and latency of each server](benchmarks.svg)", ""]
        lines += [report.table(), "", *(f"- {note}" for note in report.notes), ""]
        lines += [f"Measured so: {pairs(report.settings)}. Machine: {pairs(report.machine)}.", ""]
        lines += [f"- `{environment}`: {pairs(found)}" for environment, found in sorted(report.versions.items())]
        lines += [""] if report.versions else []
    return "\n".join(lines).rstrip() + "\n"


def table(records: Sequence[Record]) -> str:
    """Return records with the same keys, as JSON has them, as one table; nothing for none."""
    if not records:
        return ""
    return _markdown(list(records[0]), [[_cell(value) for value in record.values()] for record in records])


def from_json(found: Record) -> Report:
    return Report(**found)


def pairs(found: Record) -> str:
    """Return a record as a line of prose."""
    return ", ".join(f"{key.replace('_', ' ')} {_cell(value)}" for key, value in found.items())


def _cell(value: Any) -> str:
    if isinstance(value, dict):
        return _spread(value) if "median" in value else ", ".join(f"{n} {name}" for name, n in value.items()) or "0"
    if isinstance(value, float):
        return number(value)
    if value is None:
        return "-"
    return f"{value:,}" if type(value) is int else str(value)


def _spread(found: Record) -> str:
    if found["median"] is None or found["min"] == found["max"]:
        return _cell(found["median"])
    return f"{number(found['median'])} ({number(found['min'])}-{number(found['max'])})"


def _plain(value: Any) -> Any:
    """NaN, which JSON does not have, becomes null."""
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def _markdown(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
    lines = [headings, ["-" * width for width in widths], *rows]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    )
