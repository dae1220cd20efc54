"""Serve, log, tell the truth, then replay and look for drift: on SQLite and on PostgreSQL."""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import psycopg
import pytest

from services.prediction_log.logged import NOT_ANSWERED
from tests.service import logged
from tests.service.logged import Tumours, trivet, tumours
from tests.service.metrics import value_of
from tests.service.server import Server
from tests.service.waiting import until
from tests.unit.prediction_log.parts import rows_of

LOG_SECONDS = 60
# What is shifted, and by how many of its standard deviations.
SHIFTED, DEVIATIONS = 20, 1.5

_numbers = itertools.count()


class Served(NamedTuple):
    """A server whose model was asked for rows like its reference's, and what it logged."""

    server: Server
    url: str
    model: Path
    requests: int


@pytest.fixture(scope="module")
def found() -> Tumours:
    return tumours()


@pytest.fixture(scope="module")
def model(found: Tumours, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return logged.publish(tmp_path_factory.mktemp("published") / "one", found)


@pytest.fixture(scope="module")
def other(found: Tumours, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another version, which is much less sure of its answers."""
    return logged.publish(tmp_path_factory.mktemp("published") / "two", found, inverse_regularisation=1e-4)


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("initdb"))])
def served(
    request: pytest.FixtureRequest, model: Path, found: Tumours, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp(request.param)
    url = _postgresql(request) if request.param == "postgresql" else f"sqlite:///{folder}/log.db"
    server = Server("fastapi", model, folder, {"drain_wait_seconds": 0, "database_url": url})
    try:
        server.wait_until("ready")
        with server.client() as client:
            requests = logged.ask(client, *found.asked)
            assert client.post("/predict", json={"features": [1.0]}).status_code == 422
            _wait_for_log(client, 2 * requests + 1)
        yield Served(server, url, model, requests)
        server.stop()
    finally:
        server.kill()


def _postgresql(request: pytest.FixtureRequest) -> str:
    running = request.getfixturevalue("postgres_server")
    running.start()
    name = f"drift_{next(_numbers)}"
    with psycopg.connect(running.url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return str(running.url).replace("/postgres?", f"/{name}?")


def _wait_for_log(client: httpx.Client, rows: float) -> None:
    until(
        lambda: value_of(client, "inference_log_written_total") >= rows,
        LOG_SECONDS,
        "every row is in the log",
        look_seconds=0.2,
    )


def test_the_served_version_answers_its_own_requests_as_it_did(served: Served, tmp_path: Path, found: Tumours) -> None:
    done = trivet(tmp_path, "replay", served.model, "--database", served.url, "--max-changed-ratio", 0, "--json")

    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["requests"], report["compared"]) == (served.requests + 1, served.requests)
    assert report["left_out"] == {NOT_ANSWERED: 1}
    assert (report["rows"], report["changed"]) == (len(found.asked[0]) + 1, 0)
    assert report["differences"]["probability"]["largest"] < 1e-6


def test_another_version_is_compared_and_too_many_changes_end_with_1(
    served: Served, other: Path, tmp_path: Path, found: Tumours
) -> None:
    arguments = ("replay", other, "--database", served.url, "--worst", 3)

    done = trivet(tmp_path, *arguments, "--max-changed-ratio", 0)
    allowed = trivet(tmp_path, *arguments, "--max-changed-ratio", 1, "--json")

    assert (done.returncode, done.stderr) == (1, "")
    assert "CHANGED   " in done.stdout
    assert "request id" in done.stdout
    report = json.loads(allowed.stdout)
    assert allowed.returncode == 0
    assert 0 < report["changed"] < report["rows"] == len(found.asked[0]) + 1
    assert len(report["worst"]) == 3
    known = {row["request_id"] for row in rows_of(served.url)}
    assert all(row["changed"] and row["request_id"] in known for row in report["worst"])


def test_requests_like_the_reference_have_no_drift_and_their_truth_is_joined(
    served: Served, tmp_path: Path, found: Tumours
) -> None:
    done = trivet(tmp_path, "drift", served.model, "--database", served.url, "--json")

    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["rows"] == len(found.asked[0]) + 1
    assert len(report["findings"]) == len(found.columns) + 2
    assert {finding["verdict"] for finding in report["findings"]} == {"none"}
    truth = report["truth"]
    unknown = sum(1 for start in range(0, len(found.asked[0]), 5) if start // 5 % 3 == 1)
    assert truth["total"]["rows"] == report["rows"] - unknown
    assert truth["total"]["accuracy"] > 0.9
    assert truth["left_out"] == {}


def test_shifted_requests_drift_and_are_shown(served: Served, tmp_path: Path, found: Tumours) -> None:
    rows, truth = found.asked
    rows = rows.copy()
    rows[:, SHIFTED] += DEVIATIONS * found.rows[:, SHIFTED].std()
    with served.server.client() as client:
        before = value_of(client, "inference_log_written_total")
        requests = logged.ask(client, rows, truth)
        _wait_for_log(client, before + 2 * requests)
    files = ("--html", tmp_path / "drift.html", "--metrics", tmp_path / "drift.prom")

    done = trivet(tmp_path, "drift", served.model, "--database", served.url, "--limit", requests, *files)

    assert done.returncode == 1, done.stdout + done.stderr
    drifted = [line for line in done.stdout.splitlines() if line.endswith("  DRIFT")]
    assert any(line.startswith(found.columns[SHIFTED]) for line in drifted)
    assert "left out  older requests, by --limit" in done.stdout
    page = (tmp_path / "drift.html").read_text()
    assert page.count("<svg") >= 20 and found.columns[SHIFTED] in page
    assert f'feature="{found.columns[SHIFTED]}"' in (tmp_path / "drift.prom").read_text()


@pytest.mark.parametrize("verb", ["replay", "drift"])
def test_what_cannot_be_done_ends_with_1_and_a_reason(verb: str, model: Path, tmp_path: Path) -> None:
    done = trivet(tmp_path, verb, model, "--database", f"sqlite:///{tmp_path}/none.db")

    assert done.returncode == 1
    assert "cannot be read from sqlite" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--since", "soon"), 2, "is no moment"),
        (("--database", "mysql://a/b"), 3, "is neither sqlite"),
        (("--model", "nobody"), 1, "nobody"),
    ],
)
@pytest.mark.parametrize("verb", ["replay", "drift"])
def test_a_wrong_command_line_says_why(
    verb: str, arguments: tuple[str, ...], code: int, said: str, model: Path, empty_log: str, tmp_path: Path
) -> None:
    done = trivet(tmp_path, verb, model, "--database", empty_log, *arguments)

    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_model_without_a_reference_says_how_to_give_one(models: Path, empty_log: str, tmp_path: Path) -> None:
    done = trivet(tmp_path, "drift", models / "iris-classifier", "--database", empty_log)

    assert done.returncode == 1
    assert "--reference" in done.stderr


@pytest.fixture(scope="module")
def empty_log(tmp_path_factory: pytest.TempPathFactory) -> str:
    from services.prediction_log.database import Database

    url = f"sqlite:///{tmp_path_factory.mktemp('empty')}/log.db"
    database = Database(url)
    database.connect()
    database.close()
    return url
