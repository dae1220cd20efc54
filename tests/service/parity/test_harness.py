"""Parity can fail: it finds nothing between two equal servers, and every mistake of one that was altered."""

import sys
from dataclasses import replace
from urllib.parse import unquote

import msgspec
import pytest

from tests.service.parity import altered, concurrent
from tests.service.parity.comparing import differences, fail_on, report
from tests.service.parity.conftest import GUARDED, REFERENCE, serving
from tests.service.parity.exchange import Reply, Request, ask_all
from tests.service.parity.generator import Generator
from tests.service.server import Server
from tests.service.waiting import until

ENOUGH = 800
READY_SECONDS = 60.0
# What a process of several answers of itself alone.
LOCAL = {"load", "unload", "unloaded", "stats"}


@pytest.fixture
def plan(plans):
    """The first requests of the guarded server, without those that concern one process of several."""
    full = plans[GUARDED].without(LOCAL)
    return replace(full, requests=full.requests[:ENOUGH], replies=full.replies[:ENOUGH])


class AlteredServer(Server):
    def command(self):
        return [sys.executable, "-m", altered.__name__, *super().command()[1:]]


def test_two_processes_answer_as_one(models, plan, tmp_path):
    with serving(models, tmp_path, plan, workers=2) as server:
        until(lambda: _ready(server) == 2, READY_SECONDS, "both processes are ready")
        replies = ask_all(server.port, plan.requests)

    fail_on(differences(plan.requests, plan.replies, replies, REFERENCE, REFERENCE), len(replies), REFERENCE)


def _ready(server):
    return sum(line["event"] == "ready" for line in server.lines())


def test_every_mistake_of_an_altered_server_is_found(models, plan, tmp_path):
    with serving(models, tmp_path, plan, kind=AlteredServer) as server:
        server.wait_until("ready")
        replies = ask_all(server.port, plan.requests)

    found = differences(plan.requests, plan.replies, replies, REFERENCE, REFERENCE)
    where = {(unquote(one.request.target.partition("?")[0]), one.part) for one in found}
    assert where == set(altered.MISTAKES.items())
    assert "curl" in report(found, len(replies), REFERENCE)


def test_requests_are_the_same_for_the_same_seed_and_others_for_another(iris):
    first, again, another = ([one.wire() for one in Generator(iris).requests(seed, 50)] for seed in (1, 1, 2))

    assert first == again
    assert len(set(first) & set(another)) < 25


def _batch(predictions, probabilities=None):
    body = {"predictions": predictions} | ({"probabilities": probabilities} if probabilities else {})
    return Reply(200, {"x-request-id": ["row-1"]}, msgspec.json.encode(body))


ROWS = [Request("rows", "POST", "/predict/batch")]


@pytest.mark.parametrize(
    ("expected", "found"),
    [
        (_batch([1, 2], [[0.0, 1.0], [1.0, 0.0]]), _batch([2, 1], [[1.0, 0.0], [0.0, 1.0]])),
        (_batch([1], [[0.4, 0.6]]), _batch([0], [[0.4, 0.6]])),
        (_batch([1.0]), _batch([1.00001])),
        (_batch([1.0, 2.0]), _batch([1.0])),
        (_batch([[1.0, 2.0]]), _batch([[2.0, 1.0]])),
        (_batch([1]), Reply(503, {}, b"")),
        (_batch([1]), _batch([1])._replace(headers={"x-request-id": ["row-2"]})),
    ],
    ids=["another's rows", "another label", "another number", "a row less", "another order", "refused", "another id"],
)
def test_an_answer_of_another_row_is_found(expected, found):
    assert len(concurrent.disagreements(ROWS, [expected], [found])) == 1


@pytest.mark.parametrize(
    ("expected", "found"),
    [
        (_batch([1.0]), _batch([1.0000009])),
        (_batch([12345.67]), _batch([12345.671])),
        (_batch([1], [[0.5, 0.5]]), _batch([0], [[0.5000001, 0.4999999]])),
    ],
    ids=["last digits", "last digits of a large number", "a tie"],
)
def test_last_digits_and_ties_may_differ(expected, found):
    assert concurrent.disagreements(ROWS, [expected], [found]) == []
