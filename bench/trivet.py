"""Trivet as the benchmark starts it: compiled models by `trivet publish`, served by `trivet serve`."""

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from bench import iris, places
from bench.process import Launch

READY_PATH = "/v2/health/ready"
# No line for each request, and no prediction log.
QUIET = {"TRIVET_LOG_LEVEL": "warning", "TRIVET_DATABASE_URL": ""}


def launcher(
    variables: Mapping[str, str], *, fresh: bool = True, engine: str = "fastapi", workers: int = 1
) -> Callable[[Path], Launch]:
    """Return what starts `trivet serve` on the compiled model in a folder, with these settings.

    fresh: with an empty home, so that no prediction log grows from one start to the next.
    """

    def launch(folder: Path) -> Launch:
        program = (places.program_of(places.TRIVET, "trivet"), "serve", "--engine", engine, "--port", "{port}")
        program += ("--workers", str(workers))
        if fresh:
            shutil.rmtree(folder / "home", ignore_errors=True)
        settings = {"TRIVET_MODEL": str(folder / "compiled"), "TRIVET_HOME": str(folder / "home"), **variables}
        return Launch(program, READY_PATH, folder, settings)

    return launch


def publish(folder: Path, source: Path, name: str = iris.MODEL) -> Path:
    """Compile a model (an MLflow folder or an ONNX file) into folder/compiled."""
    command = [places.program_of(places.TRIVET, "trivet"), "publish", str(source), "--name", name]
    output = folder / "compiled"
    shutil.rmtree(output, ignore_errors=True)
    subprocess.run([*command, "--output", str(output)], check=True, cwd=folder, stdout=subprocess.DEVNULL)
    return output


def register(folder: Path) -> None:
    """Publish the fitted forest into the registry of folder/home, as the production alias."""
    command = [places.program_of(places.TRIVET, "trivet"), "publish", str(folder / "model"), "--name", iris.MODEL]
    home = os.environ | {"TRIVET_HOME": str(folder / "home")}
    subprocess.run(command, check=True, cwd=folder, env=home, stdout=subprocess.DEVNULL)


def prepare_iris() -> Path:
    """Fit the forest, compile it, and return the folder that `launcher` takes."""
    folder = places.fit(places.TRIVET, "mlflow")
    publish(folder, folder / "model")
    return folder
