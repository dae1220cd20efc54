"""The faulty server, once for each of its two models, and targets that make it wrong."""

import subprocess
import sys
from collections.abc import Callable, Iterator

import httpx
import pytest

from services.conformance.discover import discover
from services.conformance.http import Http
from services.conformance.target import Target
from tests.service.conformance import models
from tests.service.server import HOST, client_of, free_port
from tests.service.waiting import until
from tests.tools import ROOT

SECONDS = 30.0
MODELS = ("matrix", "columns")


@pytest.fixture(scope="session")
def urls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Where each model is served."""
    running, found = [], {}
    try:
        for name in MODELS:
            folder = tmp_path_factory.mktemp("faulty") / name
            folder.mkdir()
            getattr(models, name)(folder)
            port = free_port()
            command = [sys.executable, "-m", "tests.service.conformance.faulty", str(folder), str(port)]
            running.append(subprocess.Popen(command, cwd=ROOT))
            found[name] = f"http://{HOST}:{port}"
        for url in found.values():
            until(lambda url=url: _is_ready(url), SECONDS, f"{url} is ready")
        yield found
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(SECONDS)


@pytest.fixture(scope="session")
def right(urls: dict[str, str]) -> Iterator[dict[str, Target]]:
    """The models as they are without a fault."""
    found = {name: discover(Http(url, timeout_seconds=SECONDS), None, None) for name, url in urls.items()}
    yield found
    for target in found.values():
        target.http.close()


@pytest.fixture
def wrong(urls: dict[str, str], right: dict[str, Target]) -> Iterator[Callable[[str, str], Target]]:
    """Look at a server that has a fault: wrong("columns", "ids are lost")."""
    opened: dict[tuple[str, str], Http] = {}

    def looking_at(model: str, fault: str) -> Target:
        if (model, fault) not in opened:
            opened[model, fault] = Http(urls[model], key=fault, timeout_seconds=SECONDS)
        return Target(opened[model, fault], right[model].model, right[model].inputs)

    yield looking_at
    for http in opened.values():
        http.close()


def _is_ready(url: str) -> bool:
    try:
        with client_of(url) as client:
            return client.get("/v2/health/ready").status_code == 200
    except httpx.TransportError:
        return False
