"""The servers that are compared: how each is installed, started and asked, with the settings stated."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from bench import iris, places, trivet
from bench.http1 import HOST
from bench.process import Launch
from bench.workload import Workload

CEILING = "echo"


@dataclass(frozen=True)
class Peer:
    """One server with one way to ask it.

    environment: the folder in peers/, or Trivet's own. form: what peers/model.py writes for it, or None.
    settings: all that differs from its defaults, as the report states it. all_cores: it has the load's core as well.
    """

    name: str
    environment: str
    settings: str
    workload: Callable[[], Workload]
    launch: Callable[[Path], Launch]
    form: str | None = None
    all_cores: bool = False


def peers() -> list[Peer]:
    """Return every server, in the order in which a round measures them."""
    everything, silent = "defaults: request log, prediction log, metrics", "no request log, no prediction log; metrics"
    asked = {"/predict": iris.predict, "V2 JSON": iris.infer, "V2 binary": iris.infer_binary}
    ours = [
        Peer(f"Trivet{suffix}, {way}", places.TRIVET, settings, workload, trivet.launcher(variables))
        for suffix, settings, variables in (("", everything, {}), (" without logs", silent, trivet.QUIET))
        for way, workload in asked.items()
    ]
    return [
        Peer(CEILING, "echo", "bare ASGI on uvicorn, uvloop and httptools; no model", iris.echo, _echo),
        Peer("source document", "source_document", "as it stands: uvicorn app:app", iris.predict, _source, "pickle"),
        Peer(
            "mlflow models serve",
            "mlflow",
            "env-manager local, 1 worker; label only",
            iris.invocations,
            _mlflow,
            "mlflow",
        ),
        Peer("MLServer", "mlserver", "parallel_workers 0; label only", iris.infer, mlserver, "joblib"),
        Peer(
            "MLServer, batching",
            "mlserver",
            "parallel_workers 0, max_batch_size 32, max_batch_time 0.005; label only",
            iris.infer,
            partial(mlserver, max_batch_size=32, max_batch_time=0.005),
            "joblib",
        ),
        Peer("LitServe", "litserve", "fast_queue, 1 worker", iris.predict, _litserve(1), "pickle"),
        Peer(
            "LitServe, batching",
            "litserve",
            "fast_queue, 1 worker, max_batch_size 32, batch_timeout 0.005",
            iris.predict,
            _litserve(32),
            "pickle",
        ),
        *ours,
    ]


def _echo(folder: Path) -> Launch:
    program = (str(places.python_of("echo")), str(places.PEERS / "echo" / "server.py"), "{port}")
    return Launch(program, "/", folder)


def _source(folder: Path) -> Launch:
    app_folder = str(places.PEERS / "source_document")
    program = places.program_of("source_document", "uvicorn")
    return Launch((program, "app:app", "--app-dir", app_folder, "--port", "{port}"), "/health", folder)


def _mlflow(folder: Path) -> Launch:
    program = (places.program_of("mlflow", "mlflow"), "models", "serve", "--model-uri", str(folder / "model"))
    options = ("--env-manager", "local", "--host", "127.0.0.1", "--port", "{port}", "--workers", "1")
    # `mlflow` starts `uvicorn` by its name.
    path = {"PATH": f"{Path(program[0]).parent}:/usr/local/bin:/usr/bin:/bin", "MLFLOW_DISABLE_TELEMETRY": "true"}
    return Launch(program + options, "/ping", folder, path)


def mlserver(folder: Path, **described: Any) -> Launch:
    """Return how MLServer is started on the model in a folder. described: what its settings of the model say, too."""
    model = {
        "name": iris.MODEL,
        "implementation": "mlserver_sklearn.SKLearnModel",
        "parameters": {"uri": "./model.joblib", "version": "1"},
        **described,
    }
    (folder / "model-settings.json").write_text(json.dumps(model))
    variables = {
        "MLSERVER_HOST": HOST,
        "MLSERVER_HTTP_PORT": "{port}",
        "MLSERVER_GRPC_PORT": "{port+1}",
        "MLSERVER_METRICS_PORT": "{port+2}",
        "MLSERVER_PARALLEL_WORKERS": "0",
        "MLSERVER_DEBUG": "false",
    }
    return Launch((places.program_of("mlserver", "mlserver"), "start", "."), "/v2/health/ready", folder, variables)


def _litserve(max_batch_size: int) -> Callable[[Path], Launch]:
    def launch(folder: Path) -> Launch:
        program = (str(places.python_of("litserve")), str(places.PEERS / "litserve" / "server.py"))
        return Launch((*program, "{port}", str(folder / "model.pkl"), str(max_batch_size)), "/health", folder)

    return launch
