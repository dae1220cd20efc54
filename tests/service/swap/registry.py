"""A registry with versions of one model, told apart by their answers: version v multiplies by ten to the power of v."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mlflow
import msgspec

from services.core.compiled_model import MANIFEST_FILE, CompiledModel, Manifest
from services.registry import register, store
from tests.unit import onnx_models

NAME, ALIAS = "scaler", "production"
URI = f"models:/{NAME}@{ALIAS}"
ROWS = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]] * 8
V2 = f"/v2/models/{NAME}/infer"
BODY = {"inputs": [{"name": "features", "datatype": "FP64", "shape": [len(ROWS), 3], "data": ROWS}]}


class Registry:
    """MLflow, with a new version of the model whenever one is asked for.

    home: of the registry, or None where the tracking URI names a server. digests: by version.
    """

    def __init__(self, folder: Path, tracking_uri: str | None = None) -> None:
        self.home = folder / "home"
        self._folder = folder
        with asking(tracking_uri):
            self.uri = store.connect(self.home)
        self.client: Any = mlflow.MlflowClient(self.uri)
        self.digests: dict[str, str] = {}

    def publish(self, **manifest: Any) -> str:
        """Register the next version, with other contents of `model.json` where they are given; move no alias to it."""
        folder = self._folder / f"version{len(self.digests) + 1}"
        folder.mkdir(parents=True)
        compiled = onnx_models.scaler(folder, factor=10.0 ** (len(self.digests) + 1))
        return self.add(compiled, msgspec.structs.replace(compiled.manifest, **manifest))

    def add(self, compiled: CompiledModel, manifest: Manifest) -> str:
        """Register a folder as the next version; move no alias to it."""
        (compiled.folder / MANIFEST_FILE).write_bytes(msgspec.json.encode(manifest))
        with asking(self.uri):
            store.connect(self.home)  # MLflow's experiment may be another registry's
            model = register.register(compiled.folder, manifest, f"version{len(self.digests) + 1}", self.home)
        self.digests[model.version] = model.digest
        return model.version

    def point(self, version: str) -> None:
        """Move the alias."""
        self.client.set_registered_model_alias(NAME, ALIAS, version)


@contextmanager
def asking(tracking_uri: str | None) -> Iterator[None]:
    """Let MLflow ask one registry, and then again none: it is the same MLflow in every test of this process."""
    mlflow.set_tracking_uri(tracking_uri)
    try:
        yield
    finally:
        mlflow.set_tracking_uri(None)


def wrong_in(answer: dict[str, Any], digests: dict[str, str]) -> str:
    """Return what is untrue in an answer to BODY, or nothing."""
    version = answer["model_version"]
    if answer["parameters"]["model_digest"] != digests.get(version):
        return f"version {version} with the digest {answer['parameters']['model_digest']}"
    (scaled,) = (output["data"] for output in answer["outputs"] if output["name"] == "probability")
    expected = [value * 10.0 ** int(version) for row in ROWS for value in row]
    return "" if scaled == expected else f"version {version} answers {scaled}"
