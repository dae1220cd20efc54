"""What only Ray has: handle calls, `user_config`, a killed replica, its metrics agent; and what a stop leaves."""

import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.service import raw
from tests.service.engines.ray_scenarios import CLIENTS, REPLICAS
from tests.service.server import GONE_SECONDS, Server, is_alive
from tests.service.waiting import until
from tests.tools import ROOT

SCENARIO_SECONDS = 400
CLOSE_SECONDS = 10.0
ROW = {"features": [5.1, 3.5, 1.4, 0.2]}


@pytest.fixture(scope="module")
def told(models):
    """What happened in the scenarios, which share one Ray."""
    command = [sys.executable, "-m", "tests.service.engines.ray_scenarios", models / "iris-classifier", models / "slow"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, timeout=SCENARIO_SECONDS)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout.splitlines()[-1])


def test_a_handle_call_answers_as_predict_does(told):
    assert told["handle"]["answers"] == [told["handle"]["over_http"]] * 40


def test_what_does_not_fit_is_refused_alone_with_its_status(told):
    short, no_value, no_model = told["handle"]["refused"]

    assert [refused["status"] for refused in (short, no_value, no_model)] == [422, 422, 404]
    assert "features" in short["message"]
    assert "a row is a list of values" in no_value["message"]
    assert "there is no model 'nobody' here" in no_model["message"]


def test_another_serve_application_composes_with_the_model(told):
    assert told["handle"]["composed"] == [told["handle"]["over_http"]] * 3


def test_a_changed_user_config_loses_no_request_and_restarts_no_replica(told):
    changed = told["reconfigured"]

    assert changed["others"] == []
    assert changed["statuses"].keys() == {"200"}
    assert changed["same_replicas"]


def test_a_killed_replica_takes_only_its_own_requests_with_it(told):
    killed = told["killed"]

    assert killed["statuses"].keys() <= {"200", "503"}
    assert len(killed["others"]) <= CLIENTS
    assert killed["statuses"]["200"] > 100


def test_what_the_agent_exports_is_the_contract_after_relabelling(told):
    rules = _rules()
    exported = [_relabelled(labels, rules) for labels in _samples(told["metrics"]["exported"])]
    ours = [(labels, value) for labels, value in exported if labels["__name__"].startswith("inference_")]

    counted = [
        (labels, value)
        for labels, value in ours
        if labels["__name__"] == "inference_requests_total" and labels["route"] == "/predict"
    ]
    assert {f"{value}" for _, value in counted} >= set(told["metrics"]["own"])
    assert len({labels["replica"] for labels, _ in counted}) >= REPLICAS
    assert {"__name__", "engine", "model", "version", "route", "code", "replica"} <= set(counted[0][0])
    assert not {"WorkerId", "SessionName", "Component", "Version"} & set(counted[0][0])
    assert {"inference_requests_in_flight", "inference_request_duration_seconds_bucket", "inference_model_info"} <= {
        labels["__name__"] for labels, _ in ours
    }
    assert not any(labels["__name__"].endswith("_total_total") for labels, _ in ours)
    assert max(Counter(frozenset(labels.items()) for labels, _ in ours).values()) == 1, "no two series collide"


def test_a_stop_leaves_nothing_behind(models, tmp_path):
    shared = _shared_memory()
    server = Server("ray", models / "iris-classifier", tmp_path, {"drain_wait_seconds": 0})
    try:
        server.wait_until("ready")
        children = server.children()
        folders = {match for child in children for match in re.findall(r"/tmp/trivet-\w+", _command_line(child))}
        with server.client() as client:
            assert client.post("/predict", json=ROW).status_code == 200
        server.terminate()
        server.check_stopped()
    finally:
        server.kill()

    assert len(children) > 5
    # Ray's agents end by themselves when they miss their parent.
    until(lambda: not any(map(is_alive, children)), GONE_SECONDS, "Ray's processes are gone")
    assert len(folders) == 1
    assert not Path(folders.pop()).exists()
    assert _shared_memory() <= shared


def test_without_haproxy_rays_own_proxy_serves_the_same(models, tmp_path):
    server = Server("ray", models / "iris-classifier", tmp_path, {"drain_wait_seconds": 0, "ray_proxy": "python"})
    try:
        server.wait_until("ready")
        assert not any("haproxy" in _command_line(child) for child in server.children())
        with server.client() as client:
            answer = client.post("/predict", json=ROW, headers={"x-request-id": "mine"})
            refused = client.post("/predict", content=b"{")
            nothing = client.get("/nothing")
        server.terminate()
        server.check_stopped()
    finally:
        server.kill()

    assert (answer.status_code, answer.headers["x-request-id"]) == (200, "mine")
    assert (refused.status_code, nothing.status_code) == (400, 404)
    assert list(nothing.json()) == ["error"]


@pytest.fixture(scope="module")
def impatient(models, tmp_path_factory):
    """A server whose proxy waits half a second for headers."""
    settings = {"drain_wait_seconds": 0, "header_timeout_seconds": 0.5, "max_header_bytes": 8192}
    server = Server("ray", models / "iris-classifier", tmp_path_factory.mktemp("ray"), settings)
    try:
        server.wait_until("ready")
        yield server
        server.terminate()
        server.check_stopped()
    finally:
        server.kill()


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", 400),
        (b"GET /health HTTP/1.1\r\nhost: x\r\ncontent-length: ten\r\n\r\n", 400),
        (b"GET /health HTTP/1.1\r\nhost: x\r\nx: %s\r\n\r\n" % (b"y" * 10**5), 400),
        (b"GET /health HTTP/1.1\r\nhost: x\r\n", 408),
    ],
    ids=["no HTTP", "a length that is none", "headers too large", "headers too slow"],
)
def test_haproxy_itself_refuses_what_is_no_request_and_closes(impatient, sent, status):
    reply = raw.exchange(impatient.port, [sent], CLOSE_SECONDS)

    assert reply.status == status
    assert reply.header("connection") == "close"


def _command_line(pid):
    return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")


def _shared_memory():
    """Return what is kept there. Folders are of an MLflow that a test beside this one started."""
    return {path for path in Path("/dev/shm").iterdir() if not path.is_dir()}


def _samples(text):
    """Yield each sample's labels, its name among them, and its value."""
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            yield {"__name__": sample.name, **sample.labels}, sample.value


def _rules():
    """Return the relabelling that docs/metrics.md tells Prometheus to do."""
    page = (ROOT / "docs" / "metrics.md").read_text()
    (snippet,) = re.findall(r"```yaml\n(metric_relabel_configs:.+?)```", page, re.DOTALL)
    return msgspec.yaml.decode(snippet)["metric_relabel_configs"]


def _relabelled(sample, rules):
    """Apply the rules as Prometheus does. Source: its documentation of `relabel_config`, action replace."""
    labels, value = sample
    for rule in rules:
        source = ";".join(labels.get(name, "") for name in rule["source_labels"])
        match = re.fullmatch(rule["regex"], source)
        if match:
            labels[rule["target_label"]] = match.expand(rule["replacement"].replace("$", "\\"))
    return {name: text for name, text in labels.items() if text}, value
