"""Prometheus on the cluster: every query of every rule, alert and panel finds data of every engine."""

import math
import re
from typing import Any

import httpx
import pytest

from tests.chart.queries import Query, operands, queries
from tests.e2e.releases import ENGINES
from tests.e2e.traffic import INFER, Traffic
from tests.service.waiting import until

PROMETHEUS = "http://127.0.0.1:9090"
# Rates of a minute and of five, rules that are computed every 30 s, and a busy machine.
DATA_SECONDS = 240
LOOK_SECONDS = 5
VARIABLES = {"__rate_interval": "1m", "namespace": "trivet", "model": "iris-classifier"}
# What may have no data on a cluster where all is well, of which engines, and why.
MAY_BE_EMPTY = (
    (r"^ALERTS", ENGINES, "nothing is wrong"),
    (r"keda_", ENGINES, "no release of `make deploy` scales by KEDA"),
    (r"ray_serve_autoscaling_target_replicas", ENGINES, "the RayService of kind has a fixed number of replicas"),
    (r'up\{engine=~"fastapi\|bentoml"\}', ("ray",), "it leaves Ray out, whose head has no replica"),
    (r"offset 5m", ENGINES, "the cluster may be younger"),
)


@pytest.mark.usefixtures("trivet")
@pytest.mark.parametrize("engine", ENGINES)
def test_every_query_finds_data(engine: str):
    missing = list(queries({**VARIABLES, "engine": engine}))

    def all_found() -> bool:
        nonlocal missing
        missing = [query for query in missing if not _has_data(query, engine)]
        return not missing

    with Traffic(host="localhost", path=f"/{engine}{INFER}"):
        until(all_found, DATA_SECONDS, lambda: "no data of:\n" + "\n".join(map(str, missing)), LOOK_SECONDS)


@pytest.mark.usefixtures("trivet")
def test_prometheus_has_taken_every_rule_and_computes_it_without_an_error():
    found = _get("rules", {})["groups"]
    rules = [rule for group in found for rule in group["rules"] if group["name"].startswith("trivet.")]
    wanted = {query.where for query in queries() if query.kind in ("rule", "alert")}

    assert {rule["name"] for rule in rules} >= wanted
    assert [(rule["name"], rule.get("lastError")) for rule in rules if rule["health"] == "err"] == []


def _has_data(query: Query, engine: str) -> bool:
    """Say whether there is data: of a rule in what it records, of the others in each part of the expression."""
    parts = [query.where] if query.kind == "rule" else operands(query.text)
    return all(_finds(part, query.legend, engine) for part in parts if not _may_be_empty(part, engine))


def _finds(text: str, legend: str, engine: str) -> bool:
    """Say whether a query has a number; of the engine, where it tells them apart; with what the legend shows."""
    found = [sample for sample in _get("query", {"query": text})["result"] if not math.isnan(float(sample["value"][1]))]
    labels = [sample["metric"] for sample in found if sample["metric"].get("engine", engine) == engine]
    shown = set(re.findall(r"{{(\w+)}}", legend))
    return any(shown <= each.keys() for each in labels)


def _may_be_empty(text: str, engine: str) -> bool:
    return any(re.search(pattern, text) and engine in engines for pattern, engines, _ in MAY_BE_EMPTY)


def _get(what: str, parameters: dict[str, str]) -> Any:
    response = httpx.get(f"{PROMETHEUS}/api/v1/{what}", params=parameters, timeout=30, trust_env=False)
    assert response.status_code == httpx.codes.OK, f"{parameters}: {response.text}"
    return response.json()["data"]
