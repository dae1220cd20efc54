"""What is read: manifests, traces, timelines, fleets, knees, Prometheus; any other text is refused."""

import json
from datetime import datetime
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from services.simulate import capacity, fleet, manifest, observed, prometheus, trace
from services.simulate.hpa_spec import DOWN, UP, Signal, Target
from services.simulate.keda_spec import Fallback
from services.simulate.objects import Asked, load
from services.simulate.quantity import milli, quantity
from services.simulate.trace import Unreadable
from tests.tools import ROOT

RENDERED = ROOT / "k8s" / "rendered"
TEXTS = st.text(max_size=60) | st.text(alphabet='0123456789,.\n"-eE secondsratplics', max_size=80)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 300) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
KINDS = st.sampled_from(["HorizontalPodAutoscaler", "ScaledObject", "RayService", "Deployment", "List", "Secret"])
WORKLOAD = {
    "kind": "Deployment",
    "metadata": {"name": "x"},
    "spec": {
        "replicas": 2,
        "template": {
            "spec": {
                "containers": [
                    {"name": "server", "resources": {"requests": {"cpu": "250m"}, "limits": {"cpu": 1}}},
                    {"name": "side", "resources": {"requests": {"cpu": 0.1}}},
                ]
            }
        },
    },
}


def hpa(**spec):
    body = {"scaleTargetRef": {"name": "x"}, "maxReplicas": 5, **spec}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "x"},
        "spec": body,
    }


def keda(*triggers, **spec):
    body = {"scaleTargetRef": {"name": "x"}, "triggers": list(triggers), **spec}
    return {"kind": "ScaledObject", "metadata": {"name": "x"}, "spec": body}


def prometheus_trigger(**metadata):
    return {"type": "prometheus", "metadata": {"query": "sum(in_flight)", "threshold": "4", **metadata}}


def found(*objects, **asked):
    return manifest.find(load(yaml.safe_dump_all(objects)), Asked(**asked))


def external(name="trivet_inflight", **target):
    return {"type": "External", "external": {"metric": {"name": name}, "target": target}}


@pytest.mark.parametrize(
    ("text", "value"), [("250m", 0.25), ("4", 4), (".5", 0.5), ("1.5k", 1500), ("2Gi", 2**31), ("1e3", 1000), (7, 7)]
)
def test_quantities_are_read(text, value):
    assert quantity(text) == pytest.approx(value)


@given(st.text(max_size=12) | st.floats())
def test_any_quantity_is_read_or_refused(text):
    try:
        milli(text)
    except ValueError as error:
        assert "quantity" in str(error)


def test_the_charts_own_autoscaler_is_read():
    spec = manifest.find(load((RENDERED / "fastapi.yaml").read_text()), Asked()).spec

    assert (spec.min_replicas, spec.max_replicas) >= (1, 1)
    assert [(metric.cpu, metric.target.type) for metric in spec.metrics] == [(True, "Utilization")]
    assert spec.behavior.down.window_seconds > 0 and len(spec.behavior.up.policies) == 2


def test_without_metrics_it_is_80_percent_of_the_cpu_of_all_containers():
    one = found(hpa(), WORKLOAD)

    assert one.spec.metrics[0].target == Target("Utilization", 80)
    assert one.spec.metrics[0].request_milli == 350
    assert (one.cpu_limit, one.spec.behavior, one.spec.min_replicas) == (None, None, 1)


def test_behavior_is_filled_up_with_the_defaults_of_each_direction():
    behavior = found(hpa(behavior={"scaleUp": {"tolerance": "0.05"}}), WORKLOAD).spec.behavior

    assert behavior.up.tolerance == 0.05 and behavior.up.policies == UP.policies
    assert behavior.down == DOWN


def test_a_containers_own_request_and_limit_count():
    metric = {
        "type": "ContainerResource",
        "containerResource": {
            "name": "cpu",
            "container": "server",
            "target": {"type": "Utilization", "averageUtilization": 60},
        },
    }

    one = found(hpa(metrics=[metric]), WORKLOAD)

    assert (one.spec.metrics[0].request_milli, one.cpu_limit) == (250, 1.0)


def test_a_metric_is_in_flight_by_its_name_or_what_is_said():
    target = {"type": "AverageValue", "averageValue": "1500m"}

    assert found(hpa(metrics=[external(**target)])).spec.metrics[0].signal is Signal.IN_FLIGHT
    said = found(hpa(metrics=[external("other", **target)]), signals={"other": Signal.RATE})
    assert (said.spec.metrics[0].signal, said.spec.metrics[0].target.amount) == (Signal.RATE, 1500)


def test_a_scaled_object_is_read_with_kedas_defaults():
    spec = found(keda(prometheus_trigger())).spec

    assert (spec.min_replicas, spec.hpa.min_replicas, spec.hpa.max_replicas) == (0, 1, 100)
    assert (spec.polling_seconds, spec.cooldown_seconds, spec.fallback) == (30, 300, None)
    assert (spec.triggers[0].ignore_null, spec.triggers[0].activation) == (True, 0.0)
    fallback = {"failureThreshold": 3, "replicas": 6}
    assert found(keda(prometheus_trigger(), fallback=fallback)).spec.fallback == Fallback(3, 6, "static")


def test_of_a_list_the_scaled_object_counts_and_not_the_hpa_that_keda_made():
    made = hpa()
    made["metadata"]["ownerReferences"] = [{"kind": "ScaledObject"}]

    one = found({"kind": "List", "items": [made, keda(prometheus_trigger()), WORKLOAD]})

    assert one.kind == "ScaledObject"


def test_without_an_autoscaler_the_number_of_replicas_is_what_counts():
    assert found(WORKLOAD).spec == 2


def test_a_rayservice_is_read():
    config = {"autoscaling_config": {"max_replicas": 4, "target_ongoing_requests": 8}, "name": "p"}
    serve = yaml.safe_dump({"applications": [{"deployments": [config]}]})

    spec = found({"kind": "RayService", "metadata": {"name": "r"}, "spec": {"serveConfigV2": serve}}).spec

    assert (spec.max_replicas, spec.target_ongoing_requests, spec.downscale_delay_s) == (4, 8.0, 600.0)


@pytest.mark.parametrize(
    ("objects", "message"),
    [
        ([hpa()], "no Deployment x"),
        ([hpa(maxReplicas=0), WORKLOAD], r"`int` >= 1 - at `\$.maxReplicas`"),
        ([hpa(minReplicas=9), WORKLOAD], "minReplicas 9 is more than"),
        ([{**hpa(), "apiVersion": "autoscaling/v1"}], "not autoscaling/v2"),
        ([hpa(metrics=[external("other", type="Value", value=1)])], "--signal other="),
        ([hpa(metrics=[external(type="AverageValue", averageValue="0")])], "not more than zero"),
        ([hpa(behavior={"scaleUp": {"policies": []}}), WORKLOAD], "length >= 1"),
        ([hpa(), hpa()], "2 autoscalers to choose; say which by --name"),
        ([{"kind": "Secret"}], "0 autoscalers"),
        ([keda(prometheus_trigger(query="in_flight offset 1w"))], "--signal prometheus-0="),
        ([keda({"type": "rabbitmq", "metadata": {}})], "prometheus, cpu and cron can"),
        ([keda(prometheus_trigger(threshold="0"))], "not more than zero"),
        ([keda(prometheus_trigger(ignoreNullValues="maybe"))], "neither true nor false"),
        ([keda(prometheus_trigger(), prometheus_trigger(name="y"), idleReplicaCount=3)], "idleReplicaCount 3"),
        ([keda(prometheus_trigger(), advanced={"scalingModifiers": {"formula": "a"}})], "scalingModifiers"),
        ([keda({"type": "cron", "metadata": {"start": "x"}})], "desiredReplicas"),
    ],
)
def test_what_cannot_be_simulated_is_said(objects, message):
    with pytest.raises(Unreadable, match=message):
        found(*objects)


@given(KINDS, VALUES, st.sampled_from(["metrics", "behavior", "triggers", "fallback", "serveConfigV2", "x"]))
def test_any_object_is_read_or_refused(kind, value, name):
    spec = {"scaleTargetRef": {"name": "x"}, "maxReplicas": 3, "triggers": [prometheus_trigger()], name: value}
    one = {"apiVersion": "autoscaling/v2", "kind": kind, "metadata": {"name": "x"}, "spec": spec}
    try:
        found(one, WORKLOAD).scaler()
    except Unreadable as error:
        assert str(error)


@given(st.text(max_size=80) | st.text(alphabet="kind: List\n-{}[]&*!|>'\"", max_size=80))
def test_any_yaml_is_read_or_refused(text):
    try:
        load(text)
    except Unreadable as error:
        assert "manifest" in str(error)


def test_a_trace_holds_each_row_until_the_next():
    read = trace.parse("seconds,requests_per_second,metric\n10,5,up\n12,7,down\n15,0,empty\n")

    assert read.rates.tolist() == [5, 5, 7, 7, 7, 0, 0, 0]
    assert read.states.tolist() == [0, 0, 1, 1, 1, 2, 2, 2]
    assert read.scaled(2).rates.tolist()[0] == 10


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n", "no column seconds"),
        ("seconds,requests_per_second\n0,1\n", "at least two rows"),
        ("seconds,requests_per_second\n1,1\n0,1\n", "seconds that rise"),
        ("seconds,requests_per_second\n0,-1\n1,1\n", "line 2: requests_per_second '-1'"),
        ("seconds,requests_per_second\n0,1\n1,nan\n", "line 3"),
        ("seconds,requests_per_second\n0,1\n99999999,1\n", "more than a simulation can have"),
        ("seconds,requests_per_second,metric\n0,1,off\n1,1,up\n", "not one of up, down and empty"),
    ],
)
def test_a_wrong_trace_is_refused(text, message):
    with pytest.raises(Unreadable, match=message):
        trace.parse(text)


@given(TEXTS)
def test_any_csv_is_read_or_refused(text):
    readers = (
        (trace.parse, "seconds,requests_per_second,metric\n"),
        (observed.parse, "seconds,rate,replicas\n"),
        (lambda given: fleet.parse(given, Path("/")), "name,manifest,trace,scale\n"),
    )
    for read, head in readers:
        for one in (text, head + text):
            try:
                read(one)
            except Unreadable as error:
                assert str(error)


@given(st.binary(max_size=60) | st.recursive(st.none() | st.floats() | st.text(max_size=9), st.lists).map(
    lambda value: json.dumps({"steps": value, "data": {"result": value}}).encode()
))  # fmt: skip
def test_any_answer_and_any_knee_is_read_or_refused(body):
    for read in (capacity.of_knee, prometheus.parse):
        with pytest.raises(Unreadable):
            read(body)


def test_a_recorded_load_has_the_rates_of_its_only_series():
    values = [[1000, "5"], [1015, "NaN"], [1030, "7"]]
    one = {"metric": {}, "values": values}

    read = prometheus.parse(json.dumps({"data": {"result": [one]}}).encode())

    assert (len(read), read.rates[0], read.rates[29], read.rates[30]) == (60, 5, 5, 7)
    with pytest.raises(Unreadable, match="2 series"):
        prometheus.parse(json.dumps({"data": {"result": [one, one]}}).encode())
    with pytest.raises(Unreadable, match="answers 400: bad query"):
        prometheus.parse(b'{"error": "bad query"}', 400)


def test_a_moment_is_rfc_3339_or_seconds():
    moment = datetime.fromisoformat("2026-01-31T08:00:00+00:00").timestamp()

    assert prometheus.moment("2026-01-31T08:00:00Z") == prometheus.moment(f"{moment:.0f}") == moment


def test_a_knee_tells_service_time_concurrency_and_spread():
    latency = {"p50": 0.0084, "p99": 0.0172, "mean": 0.009}
    steps = [
        {"rate": 20, "report": {"answered_rate": 19.7, "latency_seconds": latency}},
        {"rate": 160, "report": {"answered_rate": 145.8, "latency_seconds": {**latency, "mean": 0.05}}},
        {"rate": 320, "report": {"answered_rate": 0, "latency_seconds": {}}},
    ]

    replica = capacity.of_knee(json.dumps({"knee": None, "steps": steps}).encode())

    assert (replica.concurrency, replica.rate) == (1, pytest.approx(145.8))
    assert 0.2 < replica.service_cv < 0.5
