"""What parity compares with: FastAPI's answers, recorded once for all engines."""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from tests.service import facts
from tests.service.facts import Facts
from tests.service.parity import concurrent
from tests.service.parity.counting import Counts, counts, since
from tests.service.parity.damage import LIMITS
from tests.service.parity.exchange import Reply, Request, ask_all
from tests.service.parity.generator import Generator
from tests.service.server import Server

REFERENCE = "fastapi"
KEY, ADMIN_KEY = "alpha-key-1", "root-key-2"
# With keys and small limits: half of all requests go there. The others have what another model can bring up.
GUARDED = "iris-classifier"
OTHERS = ("churn-classifier", "word-classifier", "two-targets")
# A model whose runs take 10 ms, so that requests of several clients meet in one.
BATCHED = "slow"
FEW = 96


@dataclass
class Plan:
    """One server, what it is asked, and what the reference answers. rows: for many clients at once.

    counted: by the reference's metrics, of the requests one at a time.
    """

    facts: Facts
    settings: dict[str, Any]
    requests: list[Request]
    rows: list[Request]
    replies: list[Reply] = field(default_factory=list)
    row_replies: list[Reply] = field(default_factory=list)
    counted: Counts = field(default_factory=Counter)

    def without(self, kinds: set[str]) -> "Plan":
        """Return the plan without the requests of these kinds."""
        kept = [index for index, one in enumerate(self.requests) if kinds.isdisjoint(one.kind.split(", "))]
        requests, replies = ([column[index] for index in kept] for column in (self.requests, self.replies))
        return replace(self, requests=requests, replies=replies)


@pytest.fixture(scope="session")
def plans(models: Path, pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Plan]:
    """The plan of each model, with the reference's replies."""
    folder = tmp_path_factory.mktemp("parity")
    seed, count = pytestconfig.getoption("--parity-seed"), pytestconfig.getoption("--parity-requests")
    found = {GUARDED: _guarded(folder, facts.read(models, GUARDED), seed, count // 2)}
    for name in OTHERS:
        known = facts.read(models, name)
        requests = list(Generator(known).requests(seed, count // 2 // len(OTHERS)))
        found[name] = Plan(known, {}, requests, concurrent.requests(known, seed))
    slow = facts.read(models, BATCHED)
    requests, rows = Generator(slow).requests(seed, FEW), concurrent.requests(slow, seed, count=FEW)
    found[BATCHED] = Plan(slow, {"max_queue_seconds": 30}, list(requests), rows)
    with ExitStack() as running:
        servers = {name: running.enter_context(serving(models, folder, plan)) for name, plan in found.items()}
        for name, server in servers.items():
            server.wait_until("ready")
            plan = found[name]
            before = counted_from(plan, server)
            plan.replies = ask_all(server.port, plan.requests)
            plan.counted = since(server, before)
            plan.row_replies = ask_all(server.port, plan.rows)
    return found


def counted_from(plan: Plan, server: Server) -> Counts:
    """Return what a server has counted, once its model ran: until then its statistics list no batches."""
    assert ask_all(server.port, plan.rows[:1])[0].status == 200
    return counts(server)


@contextmanager
def serving(
    models: Path, folder: Path, plan: Plan, *, kind: type[Server] = Server, workers: int = 1
) -> Iterator[Server]:
    """Start a server of the reference engine for a plan; it may not be ready yet."""
    settings = {"drain_wait_seconds": 0, **plan.settings}
    server = kind(REFERENCE, models / plan.facts.name, folder, settings, workers)
    try:
        yield server
        server.terminate()
        server.check_stopped()
    finally:
        server.kill()


def _guarded(folder: Path, known: Facts, seed: int, count: int) -> Plan:
    (folder / "keys").write_text(f"alice:{KEY}\n")
    (folder / "admins").write_text(f"root:{ADMIN_KEY}\n")
    settings = {"api_keys_file": folder / "keys", "admin_keys_file": folder / "admins", **LIMITS}
    generator = Generator(known, key=KEY, admin_key=ADMIN_KEY, limited=True)
    rows = concurrent.requests(known, seed, key=KEY)
    return Plan(known, settings, [*generator.requests(seed, count), *generator.unloading()], rows)
