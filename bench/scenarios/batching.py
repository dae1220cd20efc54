"""What dynamic batching costs where a run is cheap (iris), and what it wins where a run has a fixed cost (deep)."""

from pathlib import Path

from bench import closed_loop, iris, machine, places, trivet
from bench.options import Options
from bench.process import serving
from bench.recording import Summary
from bench.report import Record, Report
from bench.statistics import spread
from bench.synthetic import Dense
from bench.workload import Workload

CONNECTIONS = (32, 1)
# About 1 ms for one row, and 0.3 ms more for 64.
DEEP = Dense("deep", width=16, layers=1500)
PATIENT = {"TRIVET_MAX_QUEUE_SECONDS": "10"}
VARIANTS = {"off (1 row)": {"TRIVET_MAX_BATCH_ROWS": "1"}, "on (default)": {}}


def run(options: Options) -> Report:
    """Measure both models with batching off and on, interleaved."""
    options.say("compiling the models")
    models = _models()
    found: dict[tuple[str, str, int], list[Summary]] = {}
    for number in range(1, options.rounds + 1):
        for name, (folder, workload) in models.items():
            for variant, variables in VARIANTS.items():
                options.say(f"round {number} of {options.rounds}: {name}, batching {variant}")
                launch = trivet.launcher(trivet.QUIET | PATIENT | variables)(folder)
                with serving(launch, places.log("batching"), options.server_core) as running:
                    for connections in CONNECTIONS:
                        summary = _measure(running.port, workload, connections, options)
                        found.setdefault((name, variant, connections), []).append(summary)
    return Report(
        name="batching",
        title="Dynamic batching: its cost and its win",
        records=[_record(*key, rounds, found) for key, rounds in found.items()],
        notes=[
            "Closed loop, one row a request, no request log and no prediction log; iris on /predict, deep on V2 "
            "binary. Admission may let 10 s of work wait, so that nothing is refused without batching.",
            f"deep: {DEEP.layers} layers of {DEEP.width} x {DEEP.width}, whose run costs about the same for one row "
            "and for 64.",
        ],
        settings={"rounds": options.rounds, "seconds_each": options.seconds},
        versions={places.TRIVET: machine.versions(places.python_of(places.TRIVET))},
    )


def _models() -> dict[str, tuple[Path, Workload]]:
    deep = places.models("deep")
    return {"iris": (trivet.prepare_iris(), iris.predict()), "deep": (deep, DEEP.workload(DEEP.compile(deep)))}


def _measure(port: int, workload: Workload, connections: int, options: Options) -> Summary:
    closed_loop.run(port, workload, connections=connections, seconds=options.warm_up_seconds)
    return closed_loop.run(port, workload, connections=connections, seconds=options.seconds).summary()


def _record(
    name: str,
    variant: str,
    connections: int,
    rounds: list[Summary],
    found: dict[tuple[str, str, int], list[Summary]],
) -> Record:
    without = spread(one.requests_per_second for one in found[name, next(iter(VARIANTS)), connections])
    rate = spread(one.requests_per_second for one in rounds)
    return {
        "model": name,
        "connections": connections,
        "batching": variant,
        "requests/s": rate,
        "of without": rate.median / without.median if without.median else None,
        "p50 ms": spread(one.p50_ms for one in rounds),
        "p99 ms": spread(one.p99_ms for one in rounds),
        "errors": sum(sum(one.errors.values()) for one in rounds),
    }
