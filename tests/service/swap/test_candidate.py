"""A candidate inside a server, on every engine: a canary answers truly for its share, a shadow is compared."""

import statistics
import time
from collections.abc import Iterator

import pytest
from prometheus_client.samples import Sample

from services.core.canary import share_of
from tests.service.metrics import samples_of, value_in, value_of
from tests.service.server import Server
from tests.service.shapes import answer_of
from tests.service.swap.load import Load
from tests.service.swap.registry import BODY, NAME, ROWS, V2, Registry, wrong_in
from tests.service.swap.test_swap import SLOWER, WORKERS, p99
from tests.service.waiting import until

# MLflow's own libraries warn of each other in this process.
pytestmark = pytest.mark.filterwarnings("ignore")

CANDIDATE = f"models:/{NAME}@candidate"
WEIGHT = 0.5
KEYS = [f"user-{number}" for number in range(20)]
FOLLOW_SECONDS = 90.0
ROUNDS = 5
ROUND_SECONDS = 4


@pytest.fixture
def candidate(registry: Registry) -> Iterator[Registry]:
    """The registry, with version 1 in production and version 2 as the candidate."""
    registry.client.set_registered_model_alias(NAME, "candidate", "2")
    yield registry
    registry.client.delete_registered_model_alias(NAME, "candidate")


def versions_of(client, registry: Registry) -> dict[str, str]:
    """Return by which version each key is answered, once."""
    answers = {key: answer_of(client.post(V2, json=BODY, headers={"x-canary-key": key})) for key in KEYS}
    assert [wrong_in(answer, registry.digests) for answer in answers.values()] == [""] * len(KEYS)
    return {key: answer["model_version"] for key, answer in answers.items()}


def split_by(version: str) -> dict[str, str]:
    return {key: version if share_of(NAME, key.encode()) < WEIGHT else "1" for key in KEYS}


def are_split(server: Server, registry: Registry, version: str) -> bool:
    """Whether every process answers each key by the version that its hash says: connections reach any of them."""
    for _ in range(3 * server.workers):
        with server.client() as client:
            if versions_of(client, registry) != split_by(version):
                return False
    return True


def test_a_canary_answers_the_same_keys_in_every_process_and_follows_its_alias(engine, candidate, follow):
    server = follow(candidate, workers=WORKERS[engine], home=candidate.home, canary=CANDIDATE, canary_weight=WEIGHT)
    until(lambda: are_split(server, candidate, "2"), FOLLOW_SECONDS, server.log_text)

    with server.client() as client:
        named = answer_of(client.post(f"/v2/models/{NAME}/versions/2/infer", json=BODY))
        listed = answer_of(client.post("/v2/repository/index"))
    with Load(server, candidate.digests) as load:
        candidate.client.set_registered_model_alias(NAME, "candidate", "3")
        until(lambda: are_split(server, candidate, "3"), FOLLOW_SECONDS, server.log_text)
        candidate.client.set_registered_model_alias(NAME, "candidate", "1")
        until(lambda: load.all_serve("1"), FOLLOW_SECONDS, server.log_text)

    assert (named["model_version"], wrong_in(named, candidate.digests)) == ("2", "")
    assert [(row["version"], row["state"]) for row in listed] == [("1", "READY"), ("2", "READY")]
    assert (load.wrong, load.statuses.keys()) == ([], {200})
    server.stop()


def test_a_shadow_is_compared_and_answers_nobody(engine, candidate, follow):
    server = follow(candidate, workers=WORKERS[engine], home=candidate.home, shadow=CANDIDATE, shadow_sample_ratio=1)
    labels = {"model": NAME, "version": "2"}

    def compared() -> list[Sample]:
        """Ask, and return the metrics of a process that has compared all rows; nothing when another was asked.

        What it compared is in its histograms last.
        """
        with server.client() as client:
            answer = answer_of(client.post(V2, json=BODY))
            assert (answer["model_version"], wrong_in(answer, candidate.digests)) == ("1", "")
            samples = samples_of(client)
        compared = value_in(samples, "inference_shadow_score_difference_count", **labels)
        return samples if compared >= len(ROWS) else []

    found = until(compared, FOLLOW_SECONDS, server.log_text)

    # The predictions are the same, and every score is ten times as large.
    assert value_in(found, "inference_shadow_score_difference_bucket", **labels, le="0.5") == 0
    assert value_in(found, "inference_shadow_rows_total", **labels, outcome="agreed") >= len(ROWS)
    assert value_in(found, "inference_shadow_compute_duration_seconds_count", **labels) > 0
    assert value_in(found, "inference_shadow_rows_total", **labels, outcome="failed") == 0
    with server.client() as client:
        assert "no version '2' here" in client.post(f"/v2/models/{NAME}/versions/2/infer", json=BODY).json()["error"]
        row = {"name": NAME, "version": "2", "state": "UNAVAILABLE"}
        assert row.items() <= answer_of(client.post("/v2/repository/index"))[1].items()
    server.stop()


@pytest.mark.long
def test_a_shadow_on_every_request_slows_none(engine, candidate, follow, record_property):
    shadowed = {"shadow": CANDIDATE, "shadow_sample_ratio": 1}
    servers = [follow(candidate, workers=WORKERS[engine], home=candidate.home, **more) for more in ({}, shadowed)]
    found: dict[Server, list[float]] = {server: [] for server in servers}
    # One client leaves its server idle between two requests, and that is when a shadow runs.
    for server in servers * ROUNDS:
        with Load(server, candidate.digests, clients=1) as load:
            time.sleep(ROUND_SECONDS)
        found[server].append(p99(load.sent))
        assert (load.wrong, load.statuses.keys()) == ([], {200})

    plain, slowed = (statistics.median(found[server]) for server in servers)
    with servers[1].client() as client:
        rows = value_of(client, "inference_shadow_rows_total", model=NAME, version="2", outcome="agreed")
    record_property("p99", f"{plain * 1e3:.2f} ms, {slowed * 1e3:.2f} ms with a shadow, {rows:,.0f} rows compared")
    assert rows > 100
    assert slowed <= SLOWER * plain
