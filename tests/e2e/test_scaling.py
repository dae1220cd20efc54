"""Replicas follow the load: up within a minute, down without a lost request, and never down on missing data.

The pods have a small limit of CPU, so that a pod and not the machine is what saturates.
"""

import contextlib
import datetime
import json
import statistics
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.helm import Release
from tests.e2e.kube import Namespace, kubectl
from tests.e2e.releases import route, serve
from tests.e2e.timeline import Replicas, Timeline, ask, load
from tests.service.waiting import until
from tests.tools import ROOT

pytestmark = pytest.mark.long

KEPT = ROOT / "docs" / "scaling"
LIMIT = "150m"
RESOURCES = {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"cpu": LIMIT, "memory": "512Mi"}}
MAX_REPLICAS = 6
# A request is work enough that a small pod, and not the client or the gateway, is what saturates.
ROWS = 200
SLO_SECONDS = 0.5
WINDOW_SECONDS = 60
FLOOD_SECONDS = 150
# Within which the wish has to rise, from the first recorded sample over the target; CPU is measured more slowly.
RISE_SECONDS = {"keda": 60, "hpa": 90}
# Replicas are within their target by a tenth before the autoscaler moves.
TOLERANCE = 1.1
CALM_SECONDS = 30
PROBES = (20, 40, 60, 80, 120, 160, 240)
PROBE_SECONDS = 10


@pytest.fixture(params=[("fastapi", "keda"), ("bentoml", "keda"), ("fastapi", "hpa")], ids="-".join)
def scaled(request: pytest.FixtureRequest, namespace: Namespace) -> Iterator[tuple[Release, str, str, float, float]]:
    """An engine with an autoscaler, its host, the mode, the rate of one replica, and its target of work in flight."""
    engine, mode = request.param
    made = serve(namespace, engine, resources=RESOURCES)
    host = route(namespace, **{engine: 100})
    rate, target = measure(host)
    keda = {"keda": {"inFlightPerReplica": target, "fallbackReplicas": 1}} if mode == "keda" else {}
    limits = {"minReplicas": 1, "maxReplicas": MAX_REPLICAS, "scaleDownWindowSeconds": WINDOW_SECONDS}
    made.apply(f"kind-{engine}", resources=RESOURCES, autoscaling={"mode": mode, **limits, **keda})
    yield made, host, mode, rate, target
    made.uninstall()


def measure(host: str) -> tuple[float, float]:
    """Return what one replica answers in a second at most, and its work in flight at 70 % of that."""
    rate = 0.0
    for tried in PROBES:
        answered = load(host, tried, PROBE_SECONDS, ROWS)["answered_rate"]
        rate = max(rate, answered)
        if answered < 0.9 * tried:  # the rest only costs refusals
            break
    return rate, round(max(1.0, load(host, 0.7 * rate, PROBE_SECONDS, ROWS)["in_flight"]), 1)


def test_replicas_follow_four_times_the_load_of_one(scaled: tuple[Release, str, str, float, float]):
    engine, host, mode, rate, target = scaled

    with watching(engine) as timeline:
        reports = [timeline.load(host, 0.3 * rate, CALM_SECONDS, ROWS)]
        flood = timeline.after()
        reports.append(timeline.load(host, 4 * rate, FLOOD_SECONDS, ROWS))
        calm = timeline.after()
        while wanted(timeline) > 1 and timeline.after() < calm + 10 * WINDOW_SECONDS:
            reports.append(timeline.load(host, 0.3 * rate, CALM_SECONDS, ROWS))

    over = timeline.first(lambda look: (look.in_flight or 0) > target * TOLERANCE, flood).after
    rose = timeline.first(lambda look: look.replicas.wanted > 1, flood).after
    most = max(look.replicas.wanted for look in timeline.looks)
    ready = timeline.first(lambda look: look.replicas.ready == most, flood).after
    last = [each.p99_seconds for each in timeline.seconds if calm - CALM_SECONDS < each.after < calm]
    p99 = statistics.median(each for each in last if each is not None)
    found = {
        "day": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "cpu_limit": LIMIT,
        "rows": ROWS,
        "rate_of_one": round(rate),
        "in_flight_per_replica": target,
        "seconds_to_rise": round(rose - over),
        "seconds_until_ready": round(ready - over),
        "most_replicas": most,
        "p99_after_ms": round(p99 * 1e3),
        "seconds_until_one_again": round(timeline.looks[-1].after - calm),
        "statuses": total(reports, "statuses"),
        "failures": total(reports, "failures"),
        "load_kept_up": all(report["kept_up"] for report in reports),
    }
    keep(f"{engine.name}-{mode}", timeline, found, target)
    assert set(found["statuses"]) <= {"200", "429"} and not found["failures"], found
    assert found["seconds_to_rise"] <= RISE_SECONDS[mode], found
    assert p99 <= SLO_SECONDS, found
    assert wanted(timeline) == 1, found


def test_prometheus_goes_and_comes_back_and_no_replica_goes(namespace: Namespace):
    engine = serve(namespace, "fastapi", resources=RESOURCES)
    host = route(namespace, fastapi=100)
    rate, target = measure(host)
    keda = {"inFlightPerReplica": target, "fallbackReplicas": 1}
    scaling = {"mode": "keda", "minReplicas": 1, "maxReplicas": 3, "scaleDownWindowSeconds": 0, "keda": keda}
    engine.apply("kind-fastapi", resources=RESOURCES, autoscaling=scaling)

    with watching(engine) as timeline:
        timeline.load(host, 2.2 * rate, 120, ROWS)
        before = wanted(timeline)
        stopped = timeline.after()
        with without_prometheus():
            reports = [timeline.load(host, 2.2 * rate, 120, ROWS)]
        reports.append(timeline.load(host, 2.2 * rate, 90, ROWS))

    seen = [look.replicas.wanted for look in timeline.looks if look.after >= stopped]
    assert before > 1
    assert min(seen) >= before, seen
    assert set(total(reports, "statuses")) <= {"200", "429"} and not total(reports, "failures")


@contextlib.contextmanager
def without_prometheus() -> Iterator[None]:
    """Stop Prometheus, and start it again as it was, without what it had recorded."""
    try:
        scale_prometheus(0)
        yield
    finally:
        scale_prometheus(1)
        until(lambda: ask("vector(1)"), 120, "Prometheus answers again")


def scale_prometheus(replicas: int) -> None:
    patch = json.dumps({"spec": {"replicas": replicas}})
    kubectl("--namespace=monitoring", "patch", "prometheus/prometheus", "--type=merge", f"--patch={patch}")
    if not replicas:
        until(lambda: ask("vector(1)") is None, 120, "Prometheus is gone")


def watching(engine: Release) -> Timeline:
    """Return a timeline of a release in its own namespace."""
    series = f'trivet:inflight:sum{{namespace="{engine.namespace.name}",engine="{engine.name}"}}'
    return Timeline(f"sum({series})", lambda: replicas(engine))


def replicas(engine: Release) -> Replicas:
    found = engine.namespace.get("deployment", engine.name)
    return Replicas(found["spec"]["replicas"], found["status"].get("readyReplicas", 0))


def wanted(timeline: Timeline) -> int:
    return timeline.looks[-1].replicas.wanted


def total(reports: list[dict[str, Any]], what: str) -> dict[str, int]:
    """Add up the counts of some reports."""
    names = {name for report in reports for name in report[what]}
    return {name: sum(report[what].get(name, 0) for report in reports) for name in sorted(names)}


def keep(name: str, timeline: Timeline, found: dict[str, Any], target: float) -> None:
    """Write what came of it to the docs: the picture, the timeline, and the numbers."""
    KEPT.mkdir(exist_ok=True)
    title = f"{name}: {found['day']}, {found['cpu_limit']} of CPU a pod, {found['rows']} rows a request"
    timeline.draw(KEPT / f"{name}.svg", title, target, SLO_SECONDS)
    (KEPT / f"{name}.csv").write_text(timeline.csv())
    (KEPT / f"{name}.json").write_text(json.dumps(found, indent=1) + "\n")
