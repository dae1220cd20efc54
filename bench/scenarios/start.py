"""How long a start takes, from the process's birth to ready, and the memory that serving takes."""

import subprocess
import time
from pathlib import Path

from bench import iris, machine, open_loop, places, trivet
from bench.options import Options
from bench.process import on_cores, serving
from bench.report import Record, Report
from bench.statistics import spread

BASELINE = "import fastapi, uvicorn, onnxruntime, sqlalchemy"
REQUESTS = 1000
STARTS = {
    "Trivet, compiled folder": "compiled",
    "Trivet, registry's alias, model cached": "models:/iris-classifier@production",
}


def run(options: Options) -> Report:
    """Start the baseline and Trivet in turn, and look at Trivet's memory after 1,000 requests."""
    folder = trivet.prepare_iris()
    trivet.register(folder)
    seconds: dict[str, list[float]] = {}
    resident: dict[str, list[float]] = {}
    for number in range(options.rounds + 1):  # the first fills the caches and is not counted
        options.say(f"round {number} of {options.rounds}" if number else "filling the caches")
        found = {f"python -c '{BASELINE}'": _baseline(options)}
        for name, model in STARTS.items():
            found[name], mib = _start(folder, model, options)
            if number:
                resident.setdefault(name, []).append(mib)
        for name, value in found.items() if number else ():
            seconds.setdefault(name, []).append(value)
    return Report(
        name="start",
        title="Start to ready, and memory",
        records=_records(seconds, resident),
        notes=[
            "From the process's birth until GET /v2/health/ready answers 200 (or, for the imports, until the process "
            f"ends), files in the page cache. Memory: VmRSS of all processes after {REQUESTS:,} requests.",
        ],
        settings={"rounds": options.rounds},
        versions={places.TRIVET: machine.versions(places.python_of(places.TRIVET))},
    )


def _baseline(options: Options) -> float:
    start = time.perf_counter()
    with on_cores(options.server_core):
        subprocess.run([places.python_of(places.TRIVET), "-c", BASELINE], check=True)
    return time.perf_counter() - start


def _start(folder: Path, model: str, options: Options) -> tuple[float, float]:
    launch = trivet.launcher({"TRIVET_MODEL": str(folder / model) if model == "compiled" else model}, fresh=False)
    with serving(launch(folder), places.log("start"), options.server_core) as running:
        open_loop.run(running.port, iris.predict(), rate=REQUESTS, seconds=1.0)
        return running.start_seconds, running.resident_mib()


def _records(seconds: dict[str, list[float]], resident: dict[str, list[float]]) -> list[Record]:
    imports = spread(next(iter(seconds.values())))
    return [
        {
            "what": name,
            "seconds": spread(found),
            "of the imports": spread(found).median / imports.median,
            "resident MiB": spread(resident[name]) if name in resident else None,
        }
        for name, found in seconds.items()
    ]
