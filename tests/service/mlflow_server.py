"""`mlflow server` as a real process, which hands out its artifacts itself."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx

from tests.service.server import HOST, client_of, free_port, inherited
from tests.service.waiting import until

MLFLOW = Path(sys.executable).with_name("mlflow")
# Its import and its tables: seconds on a quiet machine, more than a minute on a busy one.
START_SECONDS = 300.0
LOOK_SECONDS = 0.2


class MlflowServer:
    """It can be stopped and started again. folder: where it keeps everything. artifacts: where its files are."""

    def __init__(self, folder: Path) -> None:
        self.artifacts = folder / "artifacts"
        self._folder = folder
        self._port = free_port()
        self.url = f"http://{HOST}:{self._port}"
        self.start()

    def start(self) -> None:
        """Start it and wait until it answers."""
        store = f"sqlite:///{self._folder / 'mlflow.db'}"
        options = ["--backend-store-uri", store, "--artifacts-destination", self.artifacts]
        command = [MLFLOW, "server", *options, "--host", HOST, "--port", str(self._port), "--workers", "1"]
        # Its job runner would be eight more processes, each of which imports all of MLflow.
        environment = inherited() | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        log = self._folder / "log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command, env=environment, stdout=output, stderr=output, start_new_session=True
            )
        try:
            with client_of(self.url) as client:
                until(lambda: _answers(client), START_SECONDS, log.read_text, LOOK_SECONDS)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End it and all its processes."""
        with contextlib.suppress(ProcessLookupError):
            self.signal(signal.SIGKILL)
        self._process.wait()

    def signal(self, number: int) -> None:
        """Send a signal to all its processes."""
        os.killpg(self._process.pid, number)


def _answers(client: httpx.Client) -> bool:
    try:
        # The first question about the registry takes longer than a server would wait, on a busy machine.
        return client.get("/api/2.0/mlflow/registered-models/search").status_code == 200
    except httpx.TransportError:
        return False
