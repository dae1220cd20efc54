"""An alias that moves under load changes what every process serves, and no request notices."""

import itertools
import re
import statistics
import time
from pathlib import Path

import pytest

from tests.service.server import Server
from tests.service.swap.load import Load
from tests.service.waiting import until

# MLflow's own libraries warn of each other in this process.
pytestmark = pytest.mark.filterwarnings("ignore")

MOVES = 20
MANY_MOVES = 200
STEADY_SECONDS = 30
# Of the 99th percentile while versions change, over that of steady serving.
SLOWER = 3
# Of the memory after the last moves, over that after the first: an allocator keeps some of what it once had.
GROWN = 1.1
FOLLOW_SECONDS = 30.0
WORKERS = {"fastapi": 1, "bentoml": 2, "ray": 2}


def test_twenty_moves_under_load_answer_every_request_truly(engine, registry, follow):
    server = follow(registry, workers=WORKERS[engine], home=registry.home)
    with Load(server, registry.digests) as load:
        for version in itertools.islice(itertools.cycle("231"), MOVES):
            registry.point(version)
            until(lambda version=version: load.all_serve(version), FOLLOW_SECONDS, f"version {version} is served")

    assert load.wrong == []
    assert load.statuses.keys() == {200}
    assert load.statuses[200] > MOVES * 40


@pytest.mark.long
def test_two_hundred_moves_keep_answers_quick_and_memory_flat(engine, registry, follow, record_property):
    server = follow(registry, workers=WORKERS[engine], home=registry.home)
    memory: list[float] = []
    with Load(server, registry.digests) as load:
        time.sleep(STEADY_SECONDS)
        moving = time.monotonic()
        for version in itertools.islice(itertools.cycle("231"), MANY_MOVES):
            registry.point(version)
            until(lambda version=version: load.all_serve(version), FOLLOW_SECONDS, f"version {version} is served")
            memory.append(resident_mib(server))

    steady, swapping = (p99(sent for sent in load.sent if (sent.at > moving) is late) for late in (False, True))
    early, late = statistics.median(memory[20:50]), statistics.median(memory[-30:])
    record_property("p99", f"{steady * 1e3:.1f} ms, {swapping * 1e3:.1f} ms while versions change")
    record_property("memory", f"{early:.0f} MiB after the first moves, {late:.0f} MiB after the last")
    assert load.wrong == []
    assert load.statuses.keys() == {200}
    assert swapping <= SLOWER * steady
    assert late <= GROWN * early


def p99(sent):
    return statistics.quantiles([each.seconds for each in sent], n=100)[-1]


def resident_mib(server: Server) -> float:
    """Return the memory of all processes of a server; pages that they share count once."""
    return sum(map(_proportional_kib, [server.process.pid, *server.children()])) / 1024


def _proportional_kib(pid: int) -> int:
    try:
        found = re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    except (FileNotFoundError, ProcessLookupError):  # one that just ended
        return 0
    return int(found[1]) if found else 0
