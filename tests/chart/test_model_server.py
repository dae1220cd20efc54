"""The chart model-server: what each value does. What it renders on kind is k8s/rendered, which is kept fresh."""

import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from k8s.helm import notes
from services.core.settings import PREFIX, Settings, load
from tests.chart.charts import Object, objects, one

CHART = "model-server"
GPU = {"gpu": {"enabled": True}}


def deployment(values: Object | None = None) -> Object:
    return one(objects(CHART, values), "Deployment")


def pod(values: Object | None = None) -> Object:
    spec: Object = deployment(values)["spec"]["template"]["spec"]
    return spec


def variables(values: Object | None = None) -> dict[str, str]:
    return {each["name"]: each.get("value", "") for each in pod(values)["containers"][0]["env"]}


@pytest.mark.parametrize("engine", ["fastapi", "bentoml"])
def test_engine_decides_the_image_and_the_component(engine: str):
    made = deployment({"engine": engine})

    assert made["spec"]["template"]["spec"]["containers"][0]["image"] == f"trivet-{engine}:0.1.0"
    assert made["metadata"]["labels"]["app.kubernetes.io/component"] == engine


def test_release_changes_its_engine_in_place():
    one_engine, other = deployment({"engine": "fastapi"}), deployment({"engine": "bentoml"})

    assert one_engine["metadata"]["name"] == other["metadata"]["name"]
    assert one_engine["spec"]["selector"] == other["spec"]["selector"]


def test_port_and_drain_are_those_of_the_server():
    fields = Settings.model_fields

    assert pod()["containers"][0]["ports"] == [{"name": "http", "containerPort": fields["port"].default}]
    assert float(variables()["TRIVET_DRAIN_WAIT_SECONDS"]) == fields["drain_wait_seconds"].default
    assert float(variables()["TRIVET_DRAIN_TIMEOUT_SECONDS"]) == fields["drain_timeout_seconds"].default


def test_server_reads_the_settings_as_they_were_given(monkeypatch: pytest.MonkeyPatch):
    given = {"max_body_bytes": 33554432, "log_redact": ["sepal length", "name"], "log_sample_ratio": 0.25}
    candidate = {"canary": "models:/iris-classifier@candidate", "canary_weight": 0.05, "canary_header": "X-User"}
    rendered = variables({"settings": {**given, **candidate, "log_level": "debug"}, "drain": {"timeoutSeconds": 45.5}})
    for name, value in rendered.items():
        monkeypatch.setenv(name, value)

    read = load()

    assert (read.max_body_bytes, read.log_redact, read.log_sample_ratio) == (33554432, ("sepal length", "name"), 0.25)
    assert (read.log_level, read.drain_timeout_seconds, read.database_url) == ("debug", 45.5, "")
    assert read.model_dump(include=set(candidate)) == candidate
    assert (read.model, read.tracking_uri) == ("models:/iris-classifier@production", "http://mlflow.mlflow:5000")


def test_changed_setting_replaces_the_pods():
    before, after = deployment()["spec"], deployment({"settings": {"max_batch_rows": 16}})["spec"]

    assert before["template"] != after["template"]
    assert {**before, "template": None} == {**after, "template": None}


def test_reason_of_a_failed_start_is_the_termination_message():
    (server,) = pod()["containers"]

    assert server["terminationMessagePath"] == variables()["TRIVET_TERMINATION_LOG"] == "/dev/termination-log"
    assert server["terminationMessagePolicy"] == "FallbackToLogsOnError"


def test_pod_is_given_longer_than_its_drain_may_take():
    made = pod({"drain": {"preStopSeconds": 8, "waitSeconds": 1.5, "timeoutSeconds": 60}})

    assert made["containers"][0]["lifecycle"]["preStop"] == {"sleep": {"seconds": 8}}
    assert 8 + 1.5 + 60 < made["terminationGracePeriodSeconds"] <= 80


def test_rollout_takes_no_old_pod_before_a_new_one_is_ready():
    spec = deployment()["spec"]

    assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    startup = spec["template"]["spec"]["containers"][0]["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] < spec["progressDeadlineSeconds"]


def test_probes_ask_whether_it_is_ready_and_whether_it_lives():
    (server,) = pod()["containers"]
    asked = {probe: server[f"{probe}Probe"]["httpGet"]["path"] for probe in ("startup", "readiness", "liveness")}

    assert asked == {"startup": "/v2/health/ready", "readiness": "/v2/health/ready", "liveness": "/v2/health/live"}


def test_secrets_are_files_that_the_settings_name():
    made = pod({"secrets": {"apiKeys": {"name": "mine"}, "databaseUrl": {"name": "log", "key": "uri"}}})
    (server,) = made["containers"]
    files = {each["name"]: each["value"] for each in server["env"] if each["name"].endswith("_FILE")}
    mounts = {mount["mountPath"]: mount["name"] for mount in server["volumeMounts"]}
    secrets = {volume["name"]: volume["secret"]["secretName"] for volume in made["volumes"] if "secret" in volume}

    assert {name.removeprefix(PREFIX).lower() for name in files} == {"api_keys_file", "database_url_file"}
    assert secrets[mounts["/etc/trivet/apiKeys"]] == "mine"
    assert files["TRIVET_API_KEYS_FILE"] == "/etc/trivet/apiKeys/keys"
    assert secrets[mounts["/etc/trivet/databaseUrl"]] == "log"
    assert files["TRIVET_DATABASE_URL_FILE"] == "/etc/trivet/databaseUrl/uri"


def test_registrys_token_comes_from_its_secret():
    env = pod({"registry": {"tokenSecret": {"name": "mlflow"}}})["containers"][0]["env"]

    token = {"name": "mlflow", "key": "token"}
    assert {"name": "MLFLOW_TRACKING_TOKEN", "valueFrom": {"secretKeyRef": token}} in env


def test_service_account_can_be_someone_elses():
    found = objects(CHART, {"serviceAccount": {"create": False, "name": "shared"}})

    assert [each for each in found if each["kind"] == "ServiceAccount"] == []
    assert one(found, "Deployment")["spec"]["template"]["spec"]["serviceAccountName"] == "shared"


def test_long_release_name_is_cut_for_every_object():
    found = objects(CHART, {**GPU, "gpu": {"enabled": True, "dra": {"enabled": True}}}, release="r" * 53)
    long = objects(CHART, {"fullnameOverride": "n" * 80})

    assert all(len(each["metadata"]["name"]) <= 63 for each in found + long)


def test_notes_name_the_next_two_commands():
    text = notes(CHART, {"engine": "bentoml"}, release="demo")

    assert "kubectl -n trivet rollout status deployment/demo" in text
    assert "helm test demo -n trivet" in text
    assert "Insufficient" not in text


def test_notes_say_what_to_do_when_a_gpu_is_missing():
    assert 'Insufficient nvidia.com/gpu"' in notes(CHART, GPU, release="demo")


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
def test_helm_test_succeeds_only_when_the_server_is_ready(status: int, code: int):
    class Server(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/v2/health/ready" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    (program,) = one(objects(CHART), "Pod")["spec"]["containers"][0]["args"]
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever).start()
        here = program.replace("http://demo/", f"http://127.0.0.1:{server.server_port}/")
        ended = subprocess.run([sys.executable, "-c", here], capture_output=True, timeout=30, check=False)
        server.shutdown()

    assert ended.returncode == code


def test_every_variable_of_the_chart_is_a_setting():
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    secrets = {name: {"name": "one"} for name in ("apiKeys", "adminKeys", "databaseUrl")}

    named = {name for name in variables({"secrets": secrets}) if re.match(PREFIX, name)}

    assert named <= known


def test_several_models_are_named_and_reached_through_the_registry():
    uris = "/models/prices, models:/iris@production,models:/?trivet.serve=edge@production"

    policy = one(objects(CHART, {"model": {"uri": uris}}), "NetworkPolicy")

    assert variables({"model": {"uri": uris}})["TRIVET_MODEL"] == uris
    ports = [port["port"] for rule in policy["spec"]["egress"] for port in rule["ports"]]
    assert 5000 in ports
