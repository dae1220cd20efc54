"""The service tier: one suite, run on every engine as a real process, or against any server by --service-url.

Tests ask for what they need: `client` and `iris` (an HTTP client and the facts of the model behind it) hold for any
server; `start` makes a server of one's own, with settings; both come once for every engine.
"""

import fcntl
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
from xdist.remote import Producer

from tests.service import facts
from tests.service.facts import Facts
from tests.service.postgres import postgres_server
from tests.service.server import Server, Start, client_of
from tests.service.together import Together

__all__ = ["postgres_server"]  # a fixture

ENGINES = ("fastapi", "bentoml", "ray")
FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]
MODEL_SOURCES = (
    "uv.lock",
    "tests/service/models.py",
    "tests/service/graphs.py",
    "tests/service/facts.py",
    "services/registry/*.py",
    "services/core/signature.py",
    "services/core/compiled_model.py",
)


# What an engine's own proxy decides, before a request reaches the application or after its answer left it. Tests of it
# are skipped by name; tests/service/engines/test_ray.py says what HAProxy does instead.
HAPROXY = {
    "refuses it with a 400 or 408 of its own": (
        "test_an_offer_to_upgrade_is_ignored",
        "test_any_headers_get_an_answer",
        "test_bytes_that_are_not_http_answer_400_and_close",
        "test_headers_that_never_end_in_time_answer_408",
        "test_headers_that_trickle_answer_408",
        "test_endless_headers_answer_431",
        "test_one_endless_header_answers_431",
        "test_an_endless_path_answers_431",
        "test_whole_headers_over_the_limit_answer_431",
    ),
    "decides on its clients' connections": (
        "test_a_client_that_waits_is_spared_a_body_that_is_too_large",
        "test_a_declared_length_over_the_limit_is_refused_before_the_body_is_sent",
        "test_a_chunked_body_over_the_limit_is_read_no_further",
        "test_a_draining_server_closes_its_connections",
        "test_a_length_over_the_limit_is_refused_and_the_connection_closed",
    ),
}
PROXY_DECIDES = {"ray": {test: f"HAProxy {what}" for what, tests in HAPROXY.items() for test in tests}}

# A Ray takes 2 GB and ten processes: the one of the defaults stays, and of the others the oldest ends first.
MOST_SHARED = {"ray": 4}
# … and half a minute to start. Its own tests, conformance and parity always run on it, with a matrix, named columns and
# a slow model. Whatever else needs a server with settings of its own does so with --all-on-ray.
ALWAYS_ON_RAY = ("test_conformance.py", "test_parity.py")
MODELS_ON_RAY = ("iris-classifier", "churn-classifier", "slow")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--service-url", help="Test the server at this URL, which serves the iris example, and start none."
    )
    parser.addoption("--all-on-ray", action="store_true", help="Start a Ray for every test that needs one: 40 minutes.")
    parser.addoption("--parity-requests", type=int, default=3000, help="How many requests every engine answers alike.")
    parser.addoption("--parity-seed", type=int, default=4, help="Which requests these are.")


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Together:
    return Together(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--service-url", default=None):
        needs_start = pytest.mark.skip(reason="needs a server of its own, and --service-url names another")
        for item in items:
            if {"start", "serve", "server"} & set(getattr(item, "fixturenames", ())):
                item.add_marker(needs_start)
    for item in (item for item in items if FOLDER in item.path.parents):
        engine = getattr(item, "callspec", None) and item.callspec.params.get("engine")
        reason = PROXY_DECIDES.get(engine, {}).get(item.originalname)
        if reason is None and engine == "ray" and not config.getoption("--all-on-ray") and _starts_a_ray(item):
            reason = "a Ray of its own starts with --all-on-ray"
        if reason:
            item.add_marker(pytest.mark.skip(reason=f"{engine}: {reason}"))


def _starts_a_ray(item: pytest.Item) -> bool:
    """Whether a test would start a Ray that is not among those that always run."""
    needed = set(getattr(item, "fixturenames", ()))
    if not {"start", "serve"} & needed or "server" in needed or item.path.parent.name == "engines":
        return False
    params = item.callspec.params
    return item.path.name not in ALWAYS_ON_RAY or params.get("model", params.get("name")) not in MODELS_ON_RAY


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "engine" in metafunc.fixturenames:
        only = metafunc.definition.get_closest_marker("engine")
        engines = only.args if only else ENGINES
        if metafunc.config.getoption("--service-url", default=None):
            engines = ("url",)
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
    with (kept.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another process may make them
        if not kept.exists():
            folder = tmp_path_factory.mktemp("models")
            subprocess.run([sys.executable, "-m", "tests.service.models", str(folder)], cwd=ROOT, check=True)
            unfinished = Path(tempfile.mkdtemp(dir=kept.parent))
            shutil.copytree(folder, unfinished, dirs_exist_ok=True)
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
            others = [other for other in running if other != ("iris-classifier",)]
            if len(others) == MOST_SHARED.get(engine):
                _stop_all([running.pop(others[0])])
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
    with client_of(url) as opened:
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
