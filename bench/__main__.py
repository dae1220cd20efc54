"""`python -m bench [SCENARIO]`: measure, print the table, write JSON; `--keep` writes it to docs/."""

import os
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

import click

from bench import machine, places, plot
from bench.options import Options
from bench.process import cores
from bench.report import Report, markdown, read_json, write_json
from docs import render

SCENARIOS = ("peers", "rows", "batching", "start", "overload", "engines")


@click.command()
@click.argument("scenario", type=click.Choice((*SCENARIOS, "all")), default="peers")
@click.option("--rounds", default=5, show_default=True, help="How often everything is measured, interleaved.")
@click.option("--seconds", default=5.0, show_default=True, help="How long each measurement takes.")
@click.option("--overload-seconds", default=30.0, show_default=True, help="How long the overload lasts.")
@click.option("--only", default="", help="Measure only servers whose name contains this (peers, engines).")
@click.option("--keep", is_flag=True, help="Also write docs/benchmarks.json and the pages of it.")
def main(scenario: str, keep: bool, **how: Any) -> None:
    """Measure SCENARIO (peers unless named; all for every one) on this machine."""
    server_core, load_core = cores()
    options = Options(server_core=server_core, load_core=load_core, **how)
    os.sched_setaffinity(0, load_core)
    for name in SCENARIOS if scenario == "all" else (scenario,):
        report: Report = import_module(f"bench.scenarios.{name}").run(options)
        report.machine = machine.describe()
        print(f"\n{report.title}\n\n{report.table()}\n")
        for note in report.notes:
            print(f"- {note}")
        _write(report, keep)


def _write(report: Report, keep: bool) -> None:
    found = report.as_json()
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    path = places.RESULTS / f"{report.name}-{stamp}.json"
    write_json(path, {report.name: found})
    print(f"\nwritten to {path.relative_to(places.ROOT)}")
    if not keep:
        return
    kept = read_json(places.KEPT / "benchmarks.json") | {report.name: found}
    write_json(places.KEPT / "benchmarks.json", kept)
    (places.KEPT / "benchmarks.md").write_text(markdown(kept))
    if report.name == "peers":
        plot.draw(report, places.KEPT / "benchmarks.svg")
    render.main()
    print("kept in docs/benchmarks.json, and in the pages and the picture that are made of it")


if __name__ == "__main__":
    main()
