"""Trivet beside other servers: the same model, the same rows, one core for the server and one for the load."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from bench import closed_loop, machine, open_loop, places, trivet
from bench.catalogue import CEILING, Peer, peers
from bench.options import Options
from bench.process import NotReady, Running, serving
from bench.recording import Summary
from bench.report import Record, Report
from bench.statistics import spread
from bench.workload import Workload

CONNECTIONS = 32
# Every server here sustains the first; the second shows which do not.
RATES = (100, 1000)
OPEN_LOOP_TIMEOUT_SECONDS = 5.0

BUSY = f"closed, {CONNECTIONS} connections"
ALONE = "closed, 1 connection"


@dataclass(frozen=True)
class Round:
    """One server in one round: its loads by name, spawn to ready, and its memory after the closed loops."""

    loads: dict[str, Summary]
    start_seconds: float
    resident_mib: float


def run(options: Options) -> Report:
    """Measure every server in every round, each time freshly started, and return the medians."""
    chosen = [peer for peer in peers() if options.only.lower() in peer.name.lower()]
    prepare(chosen, options)
    found: dict[str, list[Round]] = {peer.name: [] for peer in chosen}
    for number in range(1, options.rounds + 1):
        for peer in chosen:
            options.say(f"round {number} of {options.rounds}: {peer.name}")
            try:
                with serving(
                    peer.launch(places.models(peer.environment)), places.log(peer.name), options.server_core
                ) as running:
                    found[peer.name].append(_measure(running, peer.workload(), options))
            except NotReady as error:  # the others are still worth their rounds
                options.say(str(error))
    return Report(
        name="peers",
        title="Trivet beside other servers",
        records=_records(chosen, found),
        notes=_notes(chosen),
        breaks=[f"p50 ms, {RATES[0]:,}/s"],
        settings={
            "rounds": options.rounds,
            "seconds_each": options.seconds,
            "open_loop_timeout_seconds": OPEN_LOOP_TIMEOUT_SECONDS,
        },
        versions={name: machine.versions(places.python_of(name)) for name in {peer.environment for peer in chosen}},
    )


def prepare(chosen: Sequence[Peer], options: Options) -> None:
    """Install the environments of these servers, and fit their models."""
    for environment, form in dict.fromkeys((peer.environment, peer.form) for peer in chosen):
        options.say(f"installing and fitting: {environment}")
        places.sync(environment)
        if environment == places.TRIVET:
            trivet.prepare_iris()
        elif form:
            places.fit(environment, form)


def _measure(running: Running, workload: Workload, options: Options) -> Round:
    closed_loop.run(running.port, workload, connections=CONNECTIONS, seconds=options.warm_up_seconds)
    loads = {}
    for name, connections in ((BUSY, CONNECTIONS), (ALONE, 1)):
        recording = closed_loop.run(running.port, workload, connections=connections, seconds=options.seconds)
        loads[name] = recording.summary()
    resident_mib = running.resident_mib()
    for rate in RATES:
        recording = open_loop.run(
            running.port, workload, rate=rate, seconds=options.seconds, timeout_seconds=OPEN_LOOP_TIMEOUT_SECONDS
        )
        loads[_open(rate)] = recording.summary()
    return Round(loads, running.start_seconds, resident_mib)


def _open(rate: int) -> str:
    return f"open, {rate:,}/s"


def _records(chosen: Sequence[Peer], found: dict[str, list[Round]]) -> list[Record]:
    records = []
    ceiling = spread(one.loads[BUSY].requests_per_second for one in found.get(CEILING, ()))
    for peer in chosen:
        rounds = found[peer.name]
        rate = spread(one.loads[BUSY].requests_per_second for one in rounds)
        record: Record = {"server": peer.name, "requests/s": rate, "of the ceiling": rate.median / ceiling.median}
        record |= latencies(rounds, {f"c={CONNECTIONS}": BUSY, "c=1": ALONE})
        record["errors"] = errors(rounds, [BUSY, ALONE, _open(RATES[0])])
        record["rounds"] = len(rounds)
        record |= latencies(rounds, {f"{rate:,}/s": _open(rate) for rate in RATES})
        record[f"% right at {RATES[1]:,}/s"] = spread(
            100 * one.loads[_open(RATES[1])].requests_per_second / RATES[1] for one in rounds
        )
        record["start s"] = spread(one.start_seconds for one in rounds)
        record["resident MiB"] = spread(one.resident_mib for one in rounds)
        record["load's core"] = max((one.loads[BUSY].generator_cpu_ratio for one in rounds), default=None)
        records.append(record)
    return records


def latencies(rounds: Sequence[Round], loads: dict[str, str]) -> Record:
    """Return the median and the 99th percentile of each load, by its short name."""
    record: Record = {}
    for short, load in loads.items():
        record[f"p50 ms, {short}"] = spread(one.loads[load].p50_ms for one in rounds)
        record[f"p99 ms, {short}"] = spread(one.loads[load].p99_ms for one in rounds)
    return record


def errors(rounds: Sequence[Round], loads: Sequence[str]) -> dict[str, int]:
    """Return how many requests of these loads had no right answer, by what happened."""
    found: Counter[str] = Counter()
    for one in rounds:
        for load in loads:
            found.update(one.loads[load].errors)
    return dict(sorted(found.items()))


def _notes(chosen: Sequence[Peer]) -> list[str]:
    return [
        "A cell is the median of the rounds, with the least and the most. requests/s and c=32: closed loop, 32 "
        "connections; c=1: one connection; N/s: open loop at that constant rate, latency from the intended send time.",
        "Only right answers count as requests/s and have a latency: status 200 and the expected label in the body. "
        f"errors counts all other requests of all rounds, by what happened, but for those at {RATES[1]:,}/s, which not "
        f"every server sustains: there the share of right answers within {OPEN_LOOP_TIMEOUT_SECONDS:.0f} s says it.",
        "start s: from spawn to ready, files in the page cache after the first round; resident MiB: VmRSS of all its "
        "processes.",
        "load's core: the most of its core that the load generator used while the server was busy; below 1 the server "
        "was the bottleneck.",
        *(f"{peer.name}: {peer.settings}." for peer in chosen),
    ]
