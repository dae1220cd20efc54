"""The registry of the cluster, for models that are wrong in some way, each under a name of its own."""

import contextlib
import re
import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from services.core import compiled_model
from services.registry.uri import DIGEST_TAG

# What MLflow is called inside of the cluster; it refuses requests for any other name.
HOST = "mlflow.mlflow:5000"
API = "/api/2.0/mlflow"
FILES = "/api/2.0/mlflow-artifacts/artifacts"
ANSWER_SECONDS = 20


class Registry:
    """MLflow's REST API. The models that it made are deleted at the end."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        self._names: list[str] = []

    def version(self, name: str, alias: str) -> dict[str, Any]:
        """Return the version that an alias names."""
        found: dict[str, Any] = self._ask("GET", "/registered-models/alias", params={"name": name, "alias": alias})
        return found["model_version"]

    def register(self, label: str, source: str, run: str, digest: str) -> str:
        """Make a model of one version from a run's files, and return its URI."""
        name = f"e2e-{label}-{secrets.token_hex(3)}"
        self._ask("POST", "/registered-models/create", json={"name": name})
        self._names.append(name)
        tags = [{"key": DIGEST_TAG, "value": digest}]
        version = {"name": name, "source": source, "run_id": run, "tags": tags}
        self._ask("POST", "/model-versions/create", json=version)
        return f"models:/{name}/1"

    def upload(self, label: str, folder: Path) -> str:
        """Store a compiled model, register it with its true digest, and return its URI."""
        run = self._ask("POST", "/runs/create", json={"experiment_id": "0", "run_name": label})["run"]["info"]
        source = f"{run['artifact_uri']}/model"
        for file in folder.iterdir():
            path = f"{FILES}/{urlsplit(source).path.lstrip('/')}/{file.name}"
            self._client.put(path, content=file.read_bytes()).raise_for_status()
        return self.register(label, source, run["run_id"], compiled_model.digest(folder))

    def forget(self) -> None:
        """Delete the models that were registered here."""
        for name in self._names:
            self._ask("DELETE", "/registered-models/delete", json={"name": name})

    def _ask(self, method: str, path: str, **sent: Any) -> Any:
        answer = self._client.request(method, API + path, **sent)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()


@contextlib.contextmanager
def forwarded() -> Iterator[Registry]:
    """Reach the registry through a port that kubectl forwards."""
    command = ["kubectl", "--namespace=mlflow", "port-forward", "service/mlflow", ":5000", "--address=127.0.0.1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            told = re.search(r"127\.0\.0\.1:(\d+)", process.stdout.readline())
            assert told, "kubectl forwards no port of the registry"
            url = f"http://127.0.0.1:{told[1]}"
            with httpx.Client(base_url=url, headers={"Host": HOST}, timeout=ANSWER_SECONDS, trust_env=False) as client:
                registry = Registry(client)
                yield registry
                registry.forget()
        finally:
            process.terminate()
