"""The images as `make images` leaves them in Docker, at the tag dev; where one is missing, its tests are skipped."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.images.container import RESTRICTED, Container, docker
from tests.tools import find_tool

# `train` prints where it logged the model; nobody but this container sees its registry.
MAKE_MODEL = """
uri=$(trivet train --json | sed 's/.*"uri":"\\([^"]*\\)".*/\\1/')
trivet publish "$uri" --name iris-classifier --output /out/iris-classifier
"""

Run = Callable[..., Container]


@pytest.fixture
def image(request: pytest.FixtureRequest) -> str:
    """The image that the parameter names: the target."""
    return _built(request.param)


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled example, made by the image that the cluster's Job uses."""
    folder = tmp_path_factory.mktemp("model")
    folder.chmod(0o777)  # for the image's user
    docker(
        "run", "--rm", *RESTRICTED, f"--volume={folder}:/out", "--entrypoint=sh", _built("mlflow"), "-ec", MAKE_MODEL
    )
    return folder / "iris-classifier"


@pytest.fixture
def run() -> Iterator[Run]:
    """Start containers for one test."""
    running: list[Container] = []

    def start(image: str, port: int, *options: str) -> Container:
        running.append(Container(image, port, *options))
        return running[-1]

    yield start
    for container in running:
        container.remove()


def _built(target: str) -> str:
    name = f"trivet-{target}:dev"
    if find_tool("docker") is None:
        pytest.skip("docker is not installed")
    if subprocess.run(["docker", "image", "inspect", name], capture_output=True, check=False).returncode:
        pytest.skip(f"{name} is not in Docker: make images")
    return name
