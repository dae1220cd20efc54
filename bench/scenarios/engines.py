"""Trivet's three engines beside each other, and beside the stock services of BentoML and Ray Serve."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPException

from bench import closed_loop, machine, places
from bench.catalogue import Peer
from bench.contenders import contenders, engine_of
from bench.figures import figures
from bench.footprint import footprint
from bench.http1 import ask
from bench.options import Options
from bench.process import NotReady, Running, serving
from bench.report import Record, Report
from bench.scenarios.peers import ALONE, BUSY, CONNECTIONS, Round, errors, latencies, prepare
from bench.statistics import spread


@dataclass(frozen=True)
class EngineRound(Round):
    """A round of an engine. rows_a_run: how many rows a run of the model had while it was busy, or NaN."""

    processes: int
    rows_a_run: float


def run(options: Options) -> Report:
    """Measure every server in every round, each time freshly started; say which could not be, and why."""
    chosen = [one for one in contenders() if options.only.lower() in one.name.lower()]
    prepare(chosen, options)
    found: dict[str, list[EngineRound]] = {one.name: [] for one in chosen}
    missing: dict[str, str] = {}
    for number in range(1, options.rounds + 1):
        for one in chosen:
            options.say(f"round {number} of {options.rounds}: {one.name}")
            cores = options.all_cores if one.all_cores else options.server_core
            try:
                with serving(one.launch(places.models(one.environment)), places.log(one.name), cores) as running:
                    found[one.name].append(_measure(running, one, options))
            except NotReady as error:  # the others are still worth their rounds
                options.say(str(error))
                missing[one.name] = str(error).strip().splitlines()[-1]
    report = Report(
        name="engines",
        title="Trivet on its engines, beside their stock services",
        records=[_record(one, found[one.name]) for one in chosen],
        settings={"rounds": options.rounds, "seconds_each": options.seconds},
        versions={name: machine.versions(places.python_of(name)) for name in {one.environment for one in chosen}},
        breaks=["p50 ms, c=1", "rows a run"],
    )
    report.notes = _notes(chosen, report.as_json()["records"], missing)
    return report


def _measure(running: Running, one: Peer, options: Options) -> EngineRound:
    workload = one.workload()
    closed_loop.run(running.port, workload, connections=CONNECTIONS, seconds=options.warm_up_seconds)
    busy = closed_loop.run(running.port, workload, connections=CONNECTIONS, seconds=options.seconds)
    rows_a_run = _rows_a_run(running.port) if one.environment == places.TRIVET else float("nan")
    alone = closed_loop.run(running.port, workload, connections=1, seconds=options.seconds)
    loads = {BUSY: busy.summary(), ALONE: alone.summary()}
    return EngineRound(loads, running.start_seconds, running.resident_mib(), running.process_count(), rows_a_run)


def _rows_a_run(port: int) -> float:
    """Return the mean of `inference_batch_rows` in the process that answers."""
    try:
        _, body = ask(port, "/metrics")
    except (OSError, HTTPException):
        return float("nan")
    total, runs = (
        sum(float(value) for value in re.findall(rf"^inference_batch_rows_{part}{{.*}} (\S+)", body.decode(), re.M))
        for part in ("sum", "count")
    )
    return total / runs if runs else float("nan")


def _record(one: Peer, rounds: Sequence[EngineRound]) -> Record:
    record: Record = {"server": one.name, "cores": "both" if one.all_cores else "one"}
    record["requests/s"] = spread(each.loads[BUSY].requests_per_second for each in rounds)
    record |= latencies(rounds, {f"c={CONNECTIONS}": BUSY})
    record["errors"] = errors(rounds, [BUSY, ALONE])
    record["rounds"] = len(rounds)
    record |= latencies(rounds, {"c=1": ALONE})
    record["load's core"] = max((each.loads[BUSY].generator_cpu_ratio for each in rounds), default=None)
    record["rows a run"] = spread(each.rows_a_run for each in rounds)
    record["start s"] = spread(each.start_seconds for each in rounds)
    record["resident MiB"] = spread(each.resident_mib for each in rounds)
    record["processes"] = max((each.processes for each in rounds), default=None)
    engine = engine_of(one.name)
    installed = footprint("trivet", engine) if engine else None
    record["packages"], record["installed MiB"] = installed or (None, None)
    return record


def _notes(chosen: Sequence[Peer], records: Sequence[Record], missing: dict[str, str]) -> list[str]:
    return [
        f"Closed loop, {CONNECTIONS} connections (requests/s and c={CONNECTIONS}) and one (c=1); a cell is the median "
        "of the rounds, with the least and the most. Only right answers count; errors counts all others of all rounds.",
        "cores: one: the server's alone, the load on another; both: the server has them all, and shares one with the "
        "load, which slows it down.",
        "rows a run: the mean of inference_batch_rows under 32 connections, in the process that answered. start s: "
        "from spawn to ready. resident MiB: VmRSS of all processes after the loads; pages that they share count for "
        "each. packages, installed MiB: what `pip install trivet[ENGINE]` brings, with Trivet itself.",
        *(f"{one.name}: {one.settings}." for one in chosen),
        *(f"{name} was not measured in every round: {reason}" for name, reason in missing.items()),
        *(f"{what}: {value}, wanted {wanted}: {verdict}." for what, value, wanted, verdict in _figures(records)),
    ]


def _figures(records: Sequence[Record]) -> list[tuple[str, str, str, str]]:
    return [figure.cells() for figure in figures(records)]
