"""The service tier: one suite, run on every engine as a real process, or against any server by --service-url.

Tests ask for what they need: `client` and `iris` (an HTTP client and the facts of the model behind it) hold for any
server; `start` makes a server of one's own, with settings; both come once for every engine.
"""

import contextlib
import hashlib
import itertools
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.service import facts
from tests.service.facts import Facts
from tests.service.postgres import postgres_server
from tests.service.server import Server, Start

__all__ = ["postgres_server"]  # a fixture

ENGINES = ("fastapi",)
ROOT = Path(__file__).parents[2]
MODEL_SOURCES = (
    "uv.lock",
    "tests/service/models.py",
    "tests/service/graphs.py",
    "tests/service/facts.py",
    "services/registry/*.py",
    "services/core/signature.py",
    "services/core/compiled_model.py",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--service-url", help="Test the server at this URL, which serves the iris example, and start none."
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--service-url", default=None):
        needs_start = pytest.mark.skip(reason="needs a server of its own, and --service-url names another")
        for item in items:
            if {"start", "serve", "server"} & set(getattr(item, "fixturenames", ())):
                item.add_marker(needs_start)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "engine" in metafunc.fixturenames:
        engines = ("url",) if metafunc.config.getoption("--service-url", default=None) else ENGINES
        metafunc.parametrize("engine", engines, indirect=True, scope="session")


@pytest.fixture(scope="session")
def engine(request: pytest.FixtureRequest) -> str:
    """Every engine in turn."""
    return str(request.param)


@pytest.fixture(scope="session")
def models(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of compiled models and their facts, kept in pytest's cache until what makes them changes."""
    sources = sorted(path for pattern in MODEL_SOURCES for path in ROOT.glob(pattern))
    key = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]
    kept = pytestconfig.cache.mkdir("service-models") / key
    if not kept.exists():
        folder = tmp_path_factory.mktemp("models")
        subprocess.run([sys.executable, "-m", "tests.service.models", str(folder)], cwd=ROOT, check=True)
        unfinished = Path(tempfile.mkdtemp(dir=kept.parent))
        shutil.copytree(folder, unfinished, dirs_exist_ok=True)
        with contextlib.suppress(OSError):  # another session was faster
            unfinished.rename(kept)
    return kept


@pytest.fixture(scope="session")
def iris(models: Path) -> Facts:
    """The facts of the model that `client` reaches."""
    return facts.read(models, "iris-classifier")


@pytest.fixture(scope="session")
def serve(engine: str, models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Start servers that tests share until the session ends: serve("slow", max_queue_rows=4)."""
    running: dict[tuple[object, ...], Server] = {}

    def shared(model: str = "iris-classifier", **settings: object) -> Server:
        key = (model, *sorted(settings.items()))
        if key not in running:
            running[key] = _started(engine, models / model, tmp_path_factory.mktemp(engine), settings)
        return running[key]

    yield shared
    _stop_all(list(running.values()))


@pytest.fixture
def start(engine: str, models: Path, tmp_path: Path) -> Iterator[Start]:
    """Start servers for one test, which may end them itself: start("slow", drain_wait_seconds=1).

    wait: until it is "ready", only until it answers ("live"), or for "nothing".
    """
    running: list[Server] = []
    folders = (tmp_path / str(number) for number in itertools.count())

    def own(model: str = "iris-classifier", *, workers: int = 1, wait: str = "ready", **settings: object) -> Server:
        folder = next(folders)
        folder.mkdir()
        running.append(_started(engine, models / model, folder, settings, workers, wait))
        return running[-1]

    yield own
    _stop_all([server for server in running if server.process.poll() is None])


@pytest.fixture(scope="session")
def server(serve: Start) -> Server:
    """The server of the iris example, with no settings but the defaults."""
    return serve()


@pytest.fixture(scope="session")
def url(request: pytest.FixtureRequest, engine: str) -> str:
    """Where the iris example is served."""
    given = request.config.getoption("--service-url", default=None)
    return str(given or request.getfixturevalue("server").url).rstrip("/")


@pytest.fixture
def client(url: str) -> Iterator[httpx.Client]:
    """An HTTP client at that URL."""
    with httpx.Client(base_url=url, timeout=30, trust_env=False) as opened:
        yield opened


def _started(
    engine: str, model: Path, folder: Path, settings: dict[str, object], workers: int = 1, wait: str = "ready"
) -> Server:
    # A drain waits for proxies to notice; there is none here, and tests of the drain ask for the wait.
    server = Server(engine, model, folder, {"drain_wait_seconds": 0, **settings}, workers)
    try:
        if wait != "nothing":
            server.wait_until(wait)
    except BaseException:
        server.kill()
        raise
    return server


def _stop_all(servers: list[Server]) -> None:
    try:
        for server in servers:
            server.terminate()
        for server in servers:
            server.check_stopped()
    finally:
        for server in servers:
            server.kill()
