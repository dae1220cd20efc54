"""`python -m bench.conformance`: the conformance suite against Trivet and other servers; writes docs/conformance.json.

Each server answers with the same forest. What it was found to do is kept with the date and the versions, and
`make render` makes docs/conformance.md of it, which needs no server.
"""

import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import click

from bench import iris, machine, places, trivet
from bench.catalogue import mlserver
from bench.http1 import HOST
from bench.process import Launch, cores, serving
from bench.report import read_json, write_json
from services.conformance.check import Level
from services.conformance.discover import discover
from services.conformance.http import Http
from services.conformance.suite import Result, checks, run_one
from services.core.settings import Engine

KEPT = places.KEPT / "conformance.json"
TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True)
class Server:
    """One server to look at. settings: all that differs from its defaults. packages: whose versions are told."""

    name: str
    environment: str
    form: str
    level: Level
    settings: str
    packages: tuple[str, ...]
    launch: Callable[[Path], Launch]


def servers() -> list[Server]:
    """Return Trivet on each engine that is there, then the others."""
    engines = [name for name in get_args(Engine) if importlib.util.find_spec(f"services.engines.{name}.serve")]
    ours = [
        Server(
            f"Trivet, {engine}",
            places.TRIVET,
            "mlflow",
            "trivet",
            "none",
            _packages(engine),
            trivet.launcher({}, engine=engine),
        )
        for engine in engines
    ]
    return [
        *ours,
        Server(
            "MLServer",
            "mlserver",
            "joblib",
            "protocol",
            "inputs, outputs, platform and version described in model-settings.json; parallel_workers 0",
            ("mlserver", "mlserver-sklearn", "fastapi"),
            _mlserver,
        ),
        Server(
            "KServe SDK",
            "kserve",
            "pickle",
            "protocol",
            "a Model with its tensors described, answering as the SDK's own scikit-learn server does",
            ("kserve", "fastapi"),
            _kserve,
        ),
    ]


@click.command()
@click.option("--only", default="", help="Look only at servers whose name contains this; the others' results stay.")
def main(only: str) -> None:
    """Run the suite against every server, and keep what was found in docs/conformance.json."""
    kept = read_json(KEPT)
    for server in servers():
        if only.lower() in server.name.lower():
            print(f"looking at {server.name}", file=sys.stderr, flush=True)
            kept[server.name] = _look(server)
    write_json(KEPT, {server.name: kept[server.name] for server in servers() if server.name in kept})
    print(f"kept in {KEPT.relative_to(places.ROOT)}; `make render` makes the page of it")


def _look(server: Server) -> dict[str, Any]:
    places.sync(server.environment)
    if server.environment == places.TRIVET:
        folder = trivet.prepare_iris()
    else:
        folder = places.fit(server.environment, server.form)
    log = places.log(f"conformance-{server.environment}")
    with serving(server.launch(folder), log, set.union(*cores())) as running:
        http = Http(f"http://{HOST}:{running.port}", timeout_seconds=TIMEOUT_SECONDS)
        try:
            target = discover(http, iris.MODEL, None)
            results = [_plain(run_one(check, target)) for check in checks(server.level)]
        finally:
            http.close()
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "versions": machine.versions(places.python_of(server.environment), server.packages),
        "settings": server.settings,
        "results": dict(results),
    }


def _plain(result: Result) -> tuple[str, dict[str, Any]]:
    """Return what is kept of a result: the outcome, and why it is no pass."""
    found: dict[str, Any] = {"outcome": result.outcome}
    if result.reason:
        found["reason"] = result.reason
    if result.outcome == "failed":
        found["expected"] = result.expected
        if result.exchange:
            found["status"] = result.exchange.status
    return result.id, found


def _packages(engine: str) -> tuple[str, ...]:
    return ("trivet", "fastapi", {"fastapi": "uvicorn"}.get(engine, engine), "onnxruntime")


def _mlserver(folder: Path) -> Launch:
    return mlserver(
        folder,
        platform="sklearn_joblib",
        inputs=[{"name": "features", "datatype": "FP64", "shape": [-1, 4]}],
        outputs=[{"name": "predict", "datatype": "INT64", "shape": [-1, 1]}],
    )


def _kserve(folder: Path) -> Launch:
    program = (str(places.python_of("kserve")), str(places.PEERS / "kserve" / "server.py"))
    return Launch((*program, "{port}", str(folder / "model.pkl"), iris.MODEL), "/v2/health/ready", folder)


if __name__ == "__main__":
    main()
