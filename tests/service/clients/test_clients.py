"""Clients that others wrote agree with the server: each runs unchanged, in a locked environment of its own."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.tools import find_tool

FOLDER = Path(__file__).parent
CLIENTS = ("tritonclient", "kserve", "open-inference-openapi")
SYNC_SECONDS = 300
CHECK_SECONDS = 60


@pytest.fixture(scope="session", params=CLIENTS)
def client_project(request):
    """The folder of a client, its environment as its lock says."""
    project = FOLDER / request.param
    _uv(project, "sync", "--frozen", "--no-dev", "--quiet", seconds=SYNC_SECONDS)
    return project


@pytest.mark.needs("uv")
def test_the_client_agrees_with_the_server(client_project, url, models, iris):
    facts = models / f"{iris.name}.facts.json"

    checked = _uv(client_project, "run", "--frozen", "--no-sync", "check.py", url, str(facts), seconds=CHECK_SECONDS)

    assert checked.stdout == ""


@pytest.mark.parametrize("name", CLIENTS)
def test_the_lock_names_only_pypi(name):
    hosts = set(re.findall(r"https?://([^/\"]+)", (FOLDER / name / "uv.lock").read_text()))

    assert hosts == {"pypi.org", "files.pythonhosted.org"}


def _uv(project, *arguments, seconds):
    # Another project's environment must not be taken for this one.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("VIRTUAL_ENV", "PYTHON"))}
    done = subprocess.run(
        [find_tool("uv"), *arguments],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done
