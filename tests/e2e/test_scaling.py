"""Replicas follow the load: up within a minute, down without a lost request, and never down on missing data.

The pods have a small limit of CPU, so that a pod and not the machine is what saturates.
"""

import contextlib
import datetime
import itertools
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.e2e.helm import Release
from tests.e2e.kube import Namespace, kubectl
from tests.e2e.releases import SMALL_RAY, release, route, serve
from tests.e2e.test_ray_service import cluster
from tests.e2e.timeline import Replicas, Timeline, ask, load
from tests.service.waiting import until
from tests.tools import ROOT

pytestmark = pytest.mark.long

KEPT = ROOT / "docs" / "scaling"
# A pod of Ray has Ray's own processes beside the one replica; six of them leave two cores for the head and the load.
LIMITS = {"fastapi": "150m", "bentoml": "150m", "ray": "250m"}
# An autoscaler by CPU goes by what is asked for, so that is what there is. Ray has none.
REQUESTS = LIMITS | {"ray": "100m"}
MEMORY = {"fastapi": "512Mi", "bentoml": "512Mi", "ray": "2Gi"}
MAX_REPLICAS = 6
# A request is work enough that a small pod, and not the client or the gateway, is what saturates.
ROWS = {"fastapi": 200, "bentoml": 200, "ray": 1000}
SLO_SECONDS = 0.5
WINDOW_SECONDS = 60
# As long as the last pod takes to come, and a while.
FLOOD_SECONDS = {"fastapi": 150, "bentoml": 150, "ray": 300}
# Within which the wish has to rise, from the first recorded sample over the target; CPU is measured more slowly.
RISE_SECONDS = {"keda": 60, "hpa": 90, "serve": 60}
# Replicas are within their target by a tenth before the autoscaler moves.
TOLERANCE = 1.1
CALM_SECONDS = 30
# Of what one replica answers at most. A pod uses CPU with nothing to do, too: at a third, two of them share a load that
# a CPU autoscaler, which divides what it sees, would not give to one.
CALM_SHARE = 0.2
# After which the measurement of one replica is out of its means of CPU: an autoscaler would answer it.
SETTLE_SECONDS = 60
# After which Prometheus has a new monitor, for which its reloader looks every three minutes.
SCRAPED_SECONDS = 420
STEADY_SECONDS = 600
# How long Prometheus is away, and how long it takes to start, be found and record for a minute.
OUTAGE_SECONDS, BACK_SECONDS = 120, 120
# Of what one replica answers at most: with its work in flight at that, the target, there is room for a burst. With what
# a pod uses idle, it is where the trigger by CPU, at 75 % of the request, has its target, too.
TARGET_SHARE = 0.65
PROBES = (20, 40, 80, 120, 160, 240, 320, 480)
PROBE_SECONDS = 10


@pytest.fixture(scope="module")
def watched(shared_namespace: Namespace) -> Namespace:
    """A namespace that Prometheus watches: the rules of `make up` are for all of them, its monitors for their own."""
    off = {"enabled": False}
    release(shared_namespace, "observability").apply("kind-observability", rules=off, alerts=off, dashboards=off)
    return shared_namespace


MODES = [("fastapi", "keda"), ("bentoml", "keda"), ("fastapi", "hpa"), ("ray", "serve")]


@pytest.fixture(params=MODES, ids="-".join)
def scaled(request: pytest.FixtureRequest, watched: Namespace) -> Iterator[tuple[Release, str, str, float, float]]:
    """An engine with an autoscaler, its host, the mode, the rate of one replica, and its target of work in flight."""
    engine, mode = request.param
    made, host = one_replica(watched, engine)
    rate, target = measure(host, ROWS[engine])
    time.sleep(SETTLE_SECONDS)
    made.apply(f"kind-{engine}", **values(engine, mode, target, MAX_REPLICAS))
    yield made, host, mode, rate, target
    made.uninstall()


def one_replica(namespace: Namespace, engine: str) -> tuple[Release, str]:
    """Install an engine that stays at one replica, and return it with its host when Prometheus knows its load."""
    made = serve(namespace, engine, **values(engine, "none", 1, 1))
    host = route(namespace, **{engine: 100})
    until(lambda: ask(in_flight(made)) is not None, SCRAPED_SECONDS, "Prometheus knows the work in flight")
    return made, host


def values(engine: str, mode: str, target: float, most: int) -> dict[str, Any]:
    """Return the values of an engine that has one replica, and under load at most so many."""
    resources = {
        "requests": {"cpu": REQUESTS[engine], "memory": "256Mi"},
        "limits": {"cpu": LIMITS[engine], "memory": MEMORY[engine]},
    }
    if engine == "ray":
        return values_of_ray(resources, target, most)
    limits = {"minReplicas": 1, "maxReplicas": most, "scaleDownWindowSeconds": WINDOW_SECONDS}
    keda = {"keda": {"inFlightPerReplica": target, "fallbackReplicas": 1}} if mode == "keda" else {}
    return {"resources": resources, "autoscaling": {"mode": mode, **limits, **keda}}


def values_of_ray(resources: dict[str, Any], target: float, most: int) -> dict[str, Any]:
    """Return the same for Ray, which adds a replica for the requests, and a worker's pod for the replica."""
    autoscaling = {
        "min_replicas": 1,
        "max_replicas": most,
        "target_ongoing_requests": target,
        "downscale_delay_seconds": WINDOW_SECONDS,
    }
    workers = {"replicas": 1, "minReplicas": 1, "maxReplicas": MAX_REPLICAS, "resources": resources}
    return {
        **SMALL_RAY,
        "serve": {"num_replicas": None, "autoscaling": autoscaling},
        "workers": {"cpu": workers},
        "autoscaler": {"idleTimeoutSeconds": CALM_SECONDS},
    }


def measure(host: str, rows: int) -> tuple[float, float]:
    """Return what one replica answers in a second at most, and its work in flight at a share of that."""
    rate = 0.0
    for tried in PROBES:
        answered = load(host, tried, PROBE_SECONDS, rows)["answered_rate"]
        rate = max(rate, answered)
        if answered < 0.9 * tried:  # the rest only costs refusals
            break
    return rate, round(max(1.0, load(host, TARGET_SHARE * rate, PROBE_SECONDS, rows)["in_flight"]), 1)


def test_replicas_follow_four_times_the_load_of_one(scaled: tuple[Release, str, str, float, float]):
    engine, host, mode, rate, target = scaled
    rows = ROWS[engine.name]

    with watching(engine) as timeline:
        reports = [timeline.load(host, CALM_SHARE * rate, CALM_SECONDS, rows)]
        flood = timeline.after()
        reports.append(timeline.load(host, 4 * rate, FLOOD_SECONDS[engine.name], rows))
        calm = timeline.after()
        while wanted(timeline) > 1 and timeline.after() < calm + 10 * WINDOW_SECONDS:
            reports.append(timeline.load(host, CALM_SHARE * rate, CALM_SECONDS, rows))

    over = timeline.first(lambda look: (look.in_flight or 0) > target * TOLERANCE, flood).after
    rose = timeline.first(lambda look: look.replicas.wanted > 1, flood).after
    most = max(look.replicas.wanted for look in timeline.looks)
    ready = timeline.first(lambda look: look.replicas.ready == most, flood).after
    last = [each.p99_seconds for each in timeline.seconds if calm - CALM_SECONDS < each.after < calm]
    p99 = statistics.median(each for each in last if each is not None)
    found = {
        "day": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "cpu_request": REQUESTS[engine.name],
        "cpu_limit": LIMITS[engine.name],
        "rows": rows,
        "rate_of_one": round(rate),
        "calm_share": CALM_SHARE,
        "in_flight_per_replica": target,
        "seconds_to_rise": round(rose - over),
        "seconds_until_ready": round(ready - over),
        "most_replicas": most,
        "p99_after_ms": round(p99 * 1e3),
        "seconds_until_one_again": round(timeline.looks[-1].after - calm),
        "statuses": total(reports, "statuses"),
        "failures": total(reports, "failures"),
        "load_kept_up": all(report["kept_up"] for report in reports),
        "simulated": simulated(engine, timeline, rate),
    }
    keep(f"{engine.name}-{mode}", timeline, found, target)
    assert set(found["statuses"]) <= {"200", "429"} and not found["failures"], found
    assert found["seconds_to_rise"] <= RISE_SECONDS[mode], found
    assert p99 <= SLO_SECONDS, found
    assert wanted(timeline) == 1, found
    assert found["simulated"]["most_replicas_shifted"] <= 1, found


def test_a_steady_load_at_the_target_changes_replicas_once_at_most(watched: Namespace):
    engine, host = one_replica(watched, "fastapi")
    rate, target = measure(host, ROWS["fastapi"])
    time.sleep(SETTLE_SECONDS)
    engine.apply("kind-fastapi", **values("fastapi", "keda", target, MAX_REPLICAS))

    with watching(engine) as timeline:
        report = timeline.load(host, TARGET_SHARE * rate, STEADY_SECONDS, ROWS["fastapi"])

    wished = [look.replicas.wanted for look in timeline.looks]
    changes = sum(one != next_one for one, next_one in itertools.pairwise(wished))
    assert changes <= 1, wished
    assert set(report["statuses"]) <= {"200", "429"} and not report["failures"]


def test_prometheus_goes_and_comes_back_and_no_replica_goes(watched: Namespace):
    engine, host = one_replica(watched, "fastapi")
    rate, target = measure(host, ROWS["fastapi"])
    scaling = values("fastapi", "keda", target, 3)
    scaling["autoscaling"]["scaleDownWindowSeconds"] = 0
    engine.apply("kind-fastapi", **scaling)

    with watching(engine) as timeline:
        timeline.load(host, 2.2 * rate, 120, ROWS["fastapi"])
        before = wanted(timeline)
        stopped = timeline.after()
        # One load throughout: between two of them nothing is in flight, and replicas may go.
        with ThreadPoolExecutor(1) as pool:
            loaded = pool.submit(timeline.load, host, 2.2 * rate, OUTAGE_SECONDS + BACK_SECONDS, ROWS["fastapi"])
            with without_prometheus():
                time.sleep(OUTAGE_SECONDS)
            report = loaded.result()

    seen = [look.replicas.wanted for look in timeline.looks if look.after >= stopped]
    assert before > 1
    assert min(seen) >= before, seen
    assert set(report["statuses"]) <= {"200", "429"} and not report["failures"]


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
    (prometheus,) = kubectl("--namespace=monitoring", "get", "prometheus", "--output=name").split()
    kubectl("--namespace=monitoring", "patch", prometheus, "--type=merge", f"--patch={patch}")
    if not replicas:
        until(lambda: ask("vector(1)") is None, 120, "Prometheus is gone")


def simulated(engine: Release, timeline: Timeline, rate: float) -> dict[str, Any]:
    """Return how far `trivet simulate` is from the timeline, told what one replica can do and how long it starts."""
    wished = timeline.first(lambda look: look.replicas.wanted > 1).after
    served = timeline.first(lambda look: look.replicas.ready > 1).after
    with tempfile.NamedTemporaryFile("w", suffix=".csv") as observed:
        observed.write(timeline.csv())
        observed.flush()
        command = (
            *(sys.executable, "-m", "services.cli.main", "simulate", "-", "--json", "--observed", observed.name),
            *("--service", f"{1000 / rate:.2f}ms", "--cold-start", f"{served - wished:.0f}s"),
            *("--cores", f"{int(LIMITS[engine.name].removesuffix('m')) / 1000}"),
        )
        ran = subprocess.run(command, input=engine.manifest(), capture_output=True, text=True, check=False, timeout=60)
    assert ran.returncode == 0, ran.stderr
    found: dict[str, Any] = json.loads(ran.stdout)["observed"]
    return found


def watching(engine: Release) -> Timeline:
    """Return a timeline of a release in its own namespace."""
    return Timeline(in_flight(engine), lambda: replicas(engine))


def in_flight(engine: Release) -> str:
    """Return PromQL for all work in flight of a release."""
    return f'sum(trivet:inflight:sum{{namespace="{engine.namespace.name}",engine="{engine.name}"}})'


def replicas(engine: Release) -> Replicas:
    if engine.chart == "ray-service":
        status = engine.namespace.get("raycluster", cluster(engine))["status"]
        return Replicas(status["desiredWorkerReplicas"], status.get("readyWorkerReplicas", 0))
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
