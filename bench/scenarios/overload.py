"""Twice the load that a model sustains: what is accepted stays quick, what is not is refused at once."""

from statistics import fmean

import numpy as np

from bench import closed_loop, machine, open_loop, places, trivet
from bench.options import Options
from bench.process import Running, serving
from bench.recording import NO_RETRY_AFTER, RIGHT, Recording
from bench.report import Record, Report
from bench.statistics import spread
from bench.synthetic import Dense
from bench.workload import Workload
from services.load.record import LOST

BATCH_ROWS = 16
# Every row costs, so that the runtime is the bottleneck, and not HTTP: some 12 ms for a full batch.
WIDE = Dense("wide", width=2048, layers=10)
CONNECTIONS = 512
FACTOR = 2
SUSTAINED_RATIO = 0.99
SEARCH_STEPS = 5  # from a factor of 4 to one of 1.04
RECOVERY_SECONDS = 3.0


def run(options: Options) -> Report:
    """Find the rate that the server sustains, send twice as much, and look at it again afterwards."""
    folder = places.models("wide")
    options.say("compiling the model")
    model = WIDE.compile(folder)
    single, full = WIDE.workload(model), WIDE.workload(model, BATCH_ROWS)
    launch = trivet.launcher({"TRIVET_MAX_BATCH_ROWS": str(BATCH_ROWS)})(folder)
    records = []
    with serving(launch, places.log("overload"), options.server_core) as running:
        for number in range(1, options.rounds + 1):
            options.say(f"round {number} of {options.rounds}: {options.overload_seconds:g} s of overload")
            records.append({"round": number} | _round(running, single, full, options))
    return Report(
        name="overload",
        title="Overload: twice what is sustained",
        records=records,
        notes=_notes(records),
        breaks=["429 %", "p99 ms before"],
        settings={"seconds": options.overload_seconds, "max_batch_rows": BATCH_ROWS, "connections": CONNECTIONS},
        versions={places.TRIVET: machine.versions(places.python_of(places.TRIVET))},
    )


def _round(running: Running, single: Workload, full: Workload, options: Options) -> Record:
    port, seconds = running.port, options.seconds
    closed_loop.run(port, single, connections=BATCH_ROWS, seconds=options.warm_up_seconds)
    batch_ms = [_full_batch_ms(port, full, seconds)]
    sustained = _sustained(port, single, seconds)
    normal = open_loop.run(port, single, rate=sustained / 2, seconds=RECOVERY_SECONDS).summary()
    before_mib = running.resident_mib()
    rate = FACTOR * sustained
    load = open_loop.run(port, single, rate=rate, seconds=options.overload_seconds, connections=CONNECTIONS)
    after = open_loop.run(port, single, rate=sustained / 2, seconds=RECOVERY_SECONDS)
    batch_ms.append(_full_batch_ms(port, full, seconds))
    return {
        "full batch alone ms": fmean(batch_ms),
        "sustained/s": sustained,
        "offered/s": rate,
        **_under_load(load, fmean(batch_ms)),
        "p99 ms before": normal.p99_ms,
        "p99 ms, first second after": _p99_ms(after, until_seconds=1.0),
        "resident MiB before": before_mib,
        "resident MiB after": running.resident_mib(),
        "load's core": load.generator_cpu_ratio,
    }


def _full_batch_ms(port: int, full: Workload, seconds: float) -> float:
    """Return how long an unloaded server takes over a request that is one full batch, HTTP included."""
    return closed_loop.run(port, full, connections=1, seconds=seconds).summary().p50_ms


def _sustained(port: int, single: Workload, seconds: float) -> float:
    """Search for the highest rate of an open loop at which at most 1 % of the requests get no right answer."""
    start = closed_loop.run(port, single, connections=BATCH_ROWS, seconds=seconds).summary().requests_per_second
    low, high = start / 2, start * 2
    for _ in range(SEARCH_STEPS):
        rate = (low * high) ** 0.5
        found = open_loop.run(port, single, rate=rate, seconds=seconds, connections=CONNECTIONS)
        right = found.counts().get(RIGHT, 0) / len(found.outcome)
        low, high = (rate, high) if right >= SUSTAINED_RATIO else (low, rate)
    return low


def _under_load(load: Recording, batch_ms: float) -> Record:
    counts = load.counts()
    sent = sum(counts.values())
    p99_ms = _p99_ms(load)
    return {
        "accepted/s": counts.get(RIGHT, 0) / load.seconds,
        "accepted p99 ms": p99_ms,
        "p99 / full batch": p99_ms / batch_ms,
        "429 %": 100 * counts.get(429, 0) / sent,
        "refused p99 ms": _p99_ms(load, outcome=429),
        "without Retry-After": counts.get(NO_RETRY_AFTER, 0),
        "lost": counts.get(LOST, 0),
        "other errors": {
            name: count
            for name, count in load.summary().errors.items()
            if name not in {"429", "connection closed without an answer", "429 or 503 without Retry-After"}
        },
    }


def _p99_ms(recording: Recording, outcome: int = RIGHT, until_seconds: float = np.inf) -> float:
    found = recording.latencies(outcome, until_seconds=until_seconds)
    return float(np.percentile(found, 99)) * 1e3 if len(found) else float("nan")


def _notes(records: list[Record]) -> list[str]:
    ratio = spread(record["p99 / full batch"] for record in records)
    return [
        f"{WIDE.layers} layers of {WIDE.width} x {WIDE.width}, batches of at most {BATCH_ROWS} rows, one row a request "
        "(V2 binary), all logs on. sustained: the highest constant rate at which at least 99 % get the right answer. "
        f"The overload offers {FACTOR} times that; latencies count from the intended send time.",
        "before and after: open loop at half the sustained rate, just before and just after the overload. Full batch "
        f"alone: one request of {BATCH_ROWS} rows on one connection, median, the mean of once before and once after.",
        f"p99 of the accepted is {ratio.median:.2f} times an unloaded full batch (median of the rounds).",
    ]
