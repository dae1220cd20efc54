"""Three engines behind one gateway: the same answers, by weight, also while the weights change."""

import http.client
import json
import subprocess
import sys

import httpx
import pytest

from tests.e2e.kube import Namespace
from tests.e2e.releases import ENGINES, route, serve
from tests.e2e.traffic import BODY, GATEWAY, INFER, Traffic
from tests.service.waiting import until
from tests.tools import ROOT

URL = f"http://{GATEWAY[0]}:{GATEWAY[1]}"
# What `make deploy` asks of the gateway, in percent.
WEIGHTS = {"fastapi": 50, "bentoml": 25, "ray": 25}
SPLIT_REQUESTS = 2000
SPLIT_POINTS = 5
# At half and half, one engine alone gives so many in a row once in a million times.
NEWEST = 20
# Of the contract, what Envoy decides by itself: it refuses a NUL in a path, compresses, and names itself.
BY_THE_GATEWAY = {
    "errors.an_unknown_path_answers_404",
    "headers.a_length_comes_with_every_answer",
    "headers.no_software_is_named",
}
# Each replica counts for itself, and the gateway asks one or another. Of Ray there are two.
BY_REPLICA = {
    "metrics.requests_are_counted_by_route_and_code",
    "metrics.what_clients_make_up_is_no_label",
    "statistics.statistics_count_inferences",
}


@pytest.mark.usefixtures("trivet")
def test_every_engine_gives_the_same_answer_through_the_gateway():
    answers = {}
    for engine in ENGINES:
        response = httpx.post(f"{URL}/{engine}{INFER}", content=BODY, trust_env=False)
        assert response.status_code == http.client.OK, response.text
        answers[engine] = response.json()

    assert {engine: answer["parameters"].pop("engine") for engine, answer in answers.items()} == {
        engine: engine for engine in ENGINES
    }
    assert answers["fastapi"] == answers["bentoml"] == answers["ray"]


@pytest.mark.parametrize("engine", ENGINES)
def test_pods_say_which_image_they_were_made_for(trivet, engine):
    annotations = [pod["metadata"]["annotations"] for pod in trivet.pods(engine)]

    assert annotations
    assert all(each["trivet-image"].startswith("sha256:") for each in annotations)


@pytest.mark.usefixtures("trivet")
@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_conforms_through_the_gateway(engine):
    command = [sys.executable, "-m", "services.cli.main", "conform", f"{URL}/{engine}", "--json"]
    found = json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout)

    excused = BY_THE_GATEWAY | (BY_REPLICA if engine == "ray" else set())
    failed = [result for result in found["results"] if result["outcome"] == "failed"]
    assert [result for result in failed if result["id"] not in excused] == []
    assert found["level"] == "trivet"


@pytest.mark.usefixtures("trivet")
def test_requests_are_split_by_weight():
    with Traffic(host="localhost", rate=200, senders=8) as traffic:
        until(lambda: len(traffic.answers) >= SPLIT_REQUESTS, seconds=60, what=f"{SPLIT_REQUESTS} answers")

    total = sum(traffic.engines().values())
    assert total >= SPLIT_REQUESTS
    split = {engine: 100 * count / total for engine, count in traffic.engines().items()}
    assert split == pytest.approx(WEIGHTS, abs=SPLIT_POINTS)


def test_shifting_the_weights_loses_no_request(namespace: Namespace):
    for engine in ("fastapi", "bentoml"):
        serve(namespace, engine, replicaCount=1)
    host = route(namespace, fastapi=100, bentoml=0)

    with Traffic(host) as traffic:
        for weight, answering in ((50, {"fastapi", "bentoml"}), (0, {"bentoml"})):
            route(namespace, fastapi=weight, bentoml=100 - weight)
            until_answered_by(traffic, answering)

    assert set(traffic.engines()) == {"fastapi", "bentoml"}


def until_answered_by(traffic: Traffic, engines: set[str]) -> None:
    """Wait until the newest answers are those of just these engines."""
    until(
        lambda: {one.engine for one in traffic.answers[-NEWEST:]} == engines, seconds=30, what=f"only {engines} answer"
    )
