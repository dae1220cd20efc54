"""What is in the built images, and that each does its work as the cluster runs it."""

import json

import httpx
import pytest

from services import __version__
from tests.e2e.images.container import docker, inspect

ENGINES = ("fastapi", "bentoml", "ray")
SERVER_PORT = 8000
MLFLOW_PORT = 5000
FASTAPI_BYTES = 450_000_000
# What builds or installs; `command -v` answers with 127 for each, and Python with 1.
UNWANTED = ("git", "gcc", "cc", "make", "uv", "pip", "pip3", "python -m pip", "python -m ensurepip", "python -m uv")
FIRST_IRIS = [5.1, 3.5, 1.4, 0.2]

every_image = pytest.mark.parametrize("image", [*ENGINES, "mlflow"], indirect=True)
every_engine = pytest.mark.parametrize("image", ENGINES, indirect=True)


@every_image
def test_image_has_a_numeric_user_labels_and_no_health_check(image):
    config = inspect(image)["Config"]

    assert config["User"] == "10001:10001"
    assert config.get("Healthcheck") is None
    labels = {name.rpartition(".")[2]: value for name, value in config["Labels"].items()}
    assert labels["title"] == image.partition(":")[0]
    assert labels["version"] == __version__
    assert labels["revision"] != "unknown"


@every_image
def test_image_holds_nothing_that_builds_or_installs(image):
    script = "; ".join(f"{command} --version >/dev/null 2>&1 && echo '{command}'" for command in UNWANTED)

    assert _shell(image, f"{script}; true") == ""


@every_image
def test_image_belongs_to_root_and_cannot_be_changed_by_its_user(image):
    assert (
        _shell(
            image,
            "find / -xdev -writable -not -type l -not -path '/tmp' -not -path '/var/tmp' "
            r"-not -path '/proc/*' -not -path '/dev/*' -not -path '/run/lock' 2>/dev/null; true",
        )
        == ""
    )


@pytest.mark.parametrize("image", ["fastapi"], indirect=True)
def test_fastapi_image_is_small(image):
    assert inspect(image)["Size"] <= FASTAPI_BYTES


@pytest.mark.parametrize("image", ["ray"], indirect=True)
def test_ray_image_has_what_the_probes_of_kuberay_call(image):
    assert (
        _shell(image, "bash -c 'command -v wget ray serve'")
        == "/usr/bin/wget\n/opt/trivet/bin/ray\n/opt/trivet/bin/serve"
    )


@every_engine
def test_engine_serves_a_mounted_model_and_ends_with_0_at_sigterm(image, model, run):
    container = run(image, SERVER_PORT, f"--volume={model}:/model:ro", "--env=TRIVET_MODEL=/model")
    container.wait_until_ready()

    answer = httpx.post(f"{container.url}/predict", json={"features": FIRST_IRIS}, trust_env=False)

    assert (answer.status_code, answer.json()["prediction"]) == (200, 0)
    assert answer.headers["model-name"] == "iris-classifier"
    assert container.stop() == 0
    lines = [json.loads(line) for line in container.logs().splitlines()]
    assert "draining" in {line["event"] for line in lines}


@pytest.mark.parametrize("image", ["bentoml"], indirect=True)
def test_bentoml_image_runs_the_code_of_its_bento(image, model, run):
    container = run(image, 8001, f"--volume={model}:/model:ro", "--env=TRIVET_MODEL=/model", "--env=TRIVET_PORT=8001")
    container.wait_until_ready()

    folders = docker("exec", container.id, "sh", "-c", "readlink /proc/[0-9]*/cwd").splitlines()

    assert folders.count("/opt/bento/src") == 1


@pytest.mark.parametrize("image", ["mlflow"], indirect=True)
def test_mlflow_image_answers_and_ends_with_0_at_sigterm(image, run):
    container = run(image, MLFLOW_PORT)
    container.wait_until_ready()

    answer = httpx.get(f"{container.url}/version", trust_env=False)

    assert answer.status_code == 200
    assert container.stop() == 0


def _shell(image, script):
    return docker("run", "--rm", "--entrypoint=sh", image, "-c", script)
