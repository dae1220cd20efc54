"""What the Dockerfile promises of every image, whether or not one was built."""

import re
import tomllib
from collections.abc import Iterator

import pytest

from services.engines.ray.environment import FAST_PATH
from tests.tools import ROOT

BASE = "python:3.11-slim"
TARGETS = ("fastapi", "bentoml", "ray", "mlflow")
LABELS = {f"org.opencontainers.image.{name}" for name in ("title", "version", "revision")}
DOCKERFILE = (ROOT / "docker" / "Dockerfile").read_text()


def _instructions() -> Iterator[tuple[str, str]]:
    """Yield each instruction and its arguments."""
    code = re.sub(r"^#.*\n", "", DOCKERFILE, flags=re.MULTILINE).replace("\\\n", " ")
    for line in filter(None, code.splitlines()):
        name, _, arguments = line.partition(" ")
        yield name, " ".join(arguments.split())


def _stages() -> dict[str, list[tuple[str, str]]]:
    """Return each stage's instructions, those of the stages that it begins with included."""
    stages: dict[str, list[tuple[str, str]]] = {}
    for name, arguments in _instructions():
        if name == "FROM":
            origin, _, stage = arguments.partition(" AS ")
            stages[stage] = current = [(name, origin), *stages.get(origin, ())]
        else:
            current.append((name, arguments))
    return stages


STAGES = _stages()


def _variables(stage: str) -> dict[str, str]:
    text = " ".join(arguments for name, arguments in STAGES[stage] if name == "ENV")
    return {name: value.strip('"') for name, value in re.findall(r'(\w+)=("[^"]*"|\S+)', text)}


@pytest.mark.parametrize("target", TARGETS)
def test_image_runs_as_a_numeric_user_without_a_shell_around_it(target):
    last = dict(STAGES[target])

    assert last["USER"] == "10001:10001"
    assert last["ENTRYPOINT"].startswith("[")


@pytest.mark.parametrize("target", TARGETS)
def test_image_says_what_it_is_after_everything_that_takes_time(target):
    name, arguments = STAGES[target][-1]

    assert name == "LABEL"
    assert set(re.findall(r"([\w.]+)=", arguments)) == LABELS
    assert f"title=trivet-{target} " in arguments


@pytest.mark.parametrize("target", TARGETS)
def test_code_comes_after_dependencies_and_from_other_stages(target):
    copies = [arguments for name, arguments in STAGES[target] if name == "COPY"]

    assert copies[:2] == [
        f"--from={target}-dependencies /opt/trivet /opt/trivet",
        "--from=code /opt/trivet /opt/trivet",
    ]
    assert all(arguments.startswith("--from=") for arguments in copies)


def test_every_image_starts_from_the_one_base():
    bases = {origin for stage in STAGES.values() for name, origin in stage if name == "FROM"} - STAGES.keys()

    assert bases == {BASE}


def test_there_is_no_health_check_and_nothing_from_elsewhere():
    assert {name for name, _ in _instructions()} & {"HEALTHCHECK", "ADD", "VOLUME", "ONBUILD"} == set()
    assert "http" not in re.sub(r"RAY_\w+=\S+", "", DOCKERFILE)


def test_uv_is_the_locked_one():
    packages = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    (locked,) = (package["version"] for package in packages if package["name"] == "uv")

    assert f"ARG UV_VERSION={locked}\n" in DOCKERFILE


def test_ray_image_has_the_fast_path():
    assert FAST_PATH.items() <= _variables("ray").items()


def test_context_holds_only_what_is_copied():
    copied = [arguments for name, arguments in _instructions() if name == "COPY" and "--from" not in arguments]
    allowed = re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)

    assert {source for arguments in copied for source in arguments.split()[:-1]} == set(allowed)
