"""The way back: by request for one process, by the alias for all; and what fifty swaps leave behind."""

import itertools
from pathlib import Path

import pytest

from tests.service.metrics import value_of
from tests.service.shapes import answer_of, error_of
from tests.service.swap.registry import BODY, NAME, V2, wrong_in
from tests.service.waiting import until

# MLflow's own libraries warn of each other in this process.
pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.engine("fastapi")]

ADMIN = {"x-api-key": "admin-secret"}
PATH = f"/v2/models/{NAME}/rollback"
FOLLOW_SECONDS = 60.0
# A server that kept every model would grow by far more: a session of this small one is about half a megabyte.
SWAPS, GROWTH_BYTES = 50, 8 * 1024 * 1024


@pytest.fixture(scope="module")
def server(versions, follow, tmp_path_factory):
    keys = tmp_path_factory.mktemp("admin") / "keys"
    keys.write_text("root:admin-secret\n")
    versions.point("1")
    return follow(versions, home=versions.home, admin_keys_file=keys, watch_interval_seconds=0.05)


@pytest.fixture
def client(server):
    with server.client() as opened:
        yield opened


def move(client, registry, version):
    registry.point(version)
    until(lambda: index(client)["version"] == version, FOLLOW_SECONDS, f"version {version} is served")


def index(client):
    return answer_of(client.post("/v2/repository/index"))[0]


def answered(client, registry):
    answer = answer_of(client.post(V2, json=BODY))
    assert wrong_in(answer, registry.digests) == ""
    return answer["model_version"]


def test_a_rollback_by_request_is_at_once_and_holds_until_the_alias_moves(client, registry):
    move(client, registry, "2")
    move(client, registry, "3")

    back = answer_of(client.post(PATH, headers=ADMIN))

    assert back == {"name": NAME, "version": "2", "parameters": {"model_digest": registry.digests["2"]}}
    assert answered(client, registry) == "2"
    until(lambda: "rolled back by request" in index(client)["reason"], FOLLOW_SECONDS, "the index says so")
    assert answered(client, registry) == "2"
    move(client, registry, "1")
    assert (answered(client, registry), index(client)["reason"]) == ("1", "")


def test_the_alias_moved_back_needs_no_load(client, registry):
    move(client, registry, "1")
    move(client, registry, "2")
    loads = value_of(client, "inference_model_load_duration_seconds_count", model=NAME)
    restored = value_of(client, "inference_model_reloads_total", model=NAME, outcome="restored")

    move(client, registry, "1")

    assert value_of(client, "inference_model_load_duration_seconds_count", model=NAME) == loads
    assert value_of(client, "inference_model_reloads_total", model=NAME, outcome="restored") == restored + 1


def test_a_rollback_asks_for_a_key_with_the_right_and_a_model(client):
    error_of(client.post(PATH), 401)
    error_of(client.post(PATH, headers={"x-api-key": "guess"}), 403)
    assert "nobody" in error_of(client.post("/v2/models/nobody/rollback", headers=ADMIN), 404)
    error_of(client.post(PATH, headers=ADMIN, content=b"["), 400)


def test_fifty_swaps_leave_memory_as_it_was(client, registry, server):
    status = Path(f"/proc/{server.process.pid}/status")
    sizes = []

    for version in itertools.islice(itertools.cycle("231"), SWAPS):
        move(client, registry, version)
        answered(client, registry)
        (resident,) = [line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmRSS")]
        sizes.append(int(resident) * 1024)

    # Some swaps warm up what is allocated once.
    assert sizes[-1] - sizes[9] < GROWTH_BYTES, sizes
