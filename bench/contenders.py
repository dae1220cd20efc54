"""Trivet on its engines, each beside what its own users would start: the source document's services, modernised."""

from collections.abc import Callable
from pathlib import Path
from typing import get_args

from bench import iris, places, trivet
from bench.catalogue import Peer
from bench.process import Launch
from bench.workload import Workload
from services.core.settings import Engine

LABELS = {"fastapi": "FastAPI", "bentoml": "BentoML", "ray": "Ray Serve"}
READY_BODY = b'{"features":[5.1,3.5,1.4,0.2]}'
STOCK_RAY = "Ray Serve, @serve.batch"


def trivet_on(engine: str, processes: int = 1) -> str:
    """Return the name of Trivet on an engine, as the tables have it."""
    return f"Trivet on {LABELS[engine]}" + (f", {processes} processes" if processes > 1 else "")


def contenders() -> list[Peer]:
    """Return every server, in the order in which a round measures them."""
    return [
        *(_trivet(engine, processes) for processes in (1, 2) for engine in get_args(Engine)),
        *stock_bentoml(),
        Peer(
            STOCK_RAY,
            "ray",
            "num_replicas 2, max_batch_size 32, batch_wait_timeout_s 0.1; label only",
            iris.predict,
            _ray,
            "pickle",
            all_cores=True,
        ),
    ]


def engine_of(name: str) -> str | None:
    """Return the engine of one of Trivet's servers, None for another's."""
    return next((engine for engine in get_args(Engine) if name.startswith(trivet_on(engine))), None)


def stock_bentoml() -> list[Peer]:
    """Return the source document's service on BentoML in its three forms."""
    return [
        _bentoml("BentoML, plain", "Plain", iris.bentoml_document, "one run a request; label only"),
        _bentoml("BentoML, batchable", "Batchable", iris.bentoml_batchable, "adaptive batching, defaults; label only"),
        _bentoml("BentoML, batchable, ONNX", "Onnx", iris.bentoml_batchable, "adaptive batching, defaults; label only"),
    ]


def _trivet(engine: str, processes: int) -> Peer:
    launch = trivet.launcher({}, engine=engine, workers=processes)
    settings = "defaults: request log, prediction log, metrics"
    name = trivet_on(engine, processes)
    # Ray is a dozen processes whatever is served.
    all_cores = processes > 1 or engine == "ray"
    return Peer(name, places.TRIVET, settings, iris.predict, launch, all_cores=all_cores)


def _bentoml(name: str, service: str, workload: Callable[[], Workload], settings: str) -> Peer:
    def launch(folder: Path) -> Launch:
        program = (places.program_of("bentoml", "bentoml"), "serve", f"service:{service}")
        options = ("--working-dir", str(places.PEERS / "bentoml"), "--host", "127.0.0.1", "--port", "{port}")
        variables = {"BENTOML_HOME": str(folder / "bentoml"), "BENTOML_DO_NOT_TRACK": "true"}
        return Launch(program + options, "/readyz", folder, variables)

    return Peer(name, "bentoml", settings, workload, launch, "bentoml")


def _ray(folder: Path) -> Launch:
    program = (str(places.python_of("ray")), str(places.PEERS / "ray" / "deployment.py"))
    argv = (*program, "{port}", str(folder / "model.pkl"))
    # Its own health is that of the proxy, which holds requests until there is a replica.
    return Launch(argv, "/predict", folder, {"RAY_USAGE_STATS_ENABLED": "0"}, READY_BODY)
