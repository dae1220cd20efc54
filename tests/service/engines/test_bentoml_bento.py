"""Compiled models in BentoML's model store, and the Bento that is built of them."""

import itertools
import json
import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import httpx
import pytest

from tests.service import facts, raw
from tests.service.load import pooled, together
from tests.service.server import HOST, TRIVET, Server
from tests.service.shapes import answer_of, error_of
from tests.service.waiting import until

pytestmark = pytest.mark.engine("bentoml")

BENTOML = Path(sys.executable).with_name("bentoml")
SOON_SECONDS = 20.0


class BentoServer(Server):
    """`bentoml serve` as a real process, in a folder that has nothing to do with the Bento."""

    def command(self):
        return [str(BENTOML), "serve", str(self.model), "--host", HOST, "--port", str(self.port)]


@pytest.fixture(scope="module")
def built(models, tmp_path_factory):
    """What `trivet build` said of the Bento that it built of the iris example."""
    return _build(tmp_path_factory.mktemp("build") / "home", "--model", str(models / "iris-classifier"))


@pytest.fixture(scope="module")
def built_without_model(tmp_path_factory):
    """What `trivet build` said of a Bento that has no model."""
    return _build(tmp_path_factory.mktemp("build") / "home", "--without-model")


@pytest.fixture
def bento(built, tmp_path, monkeypatch):
    """Serve the Bento, another one, or it from another home."""
    running = []

    def serve(one=built, home=None, wait="ready", **settings):
        monkeypatch.setenv("BENTOML_HOME", str(home or one["home"]))
        running.append(BentoServer("bentoml", one["bento"], tmp_path, {"drain_wait_seconds": 0, **settings}))
        running[-1].wait_until(wait)
        return running[-1]

    yield serve
    for server in running:
        server.kill()


def test_a_built_bento_is_served_with_its_own_model(bento, built, iris):
    server = bento()
    with server.client() as client:
        answer = client.post("/predict", json={"features": iris.rows[0]})
        assert answer_of(answer)["prediction"] == iris.predictions[0]
        assert answer.headers["model-digest"] == built["models"][0]["digest"]
        assert answer_of(client.get("/health")) == {"status": "healthy"}
        error_of(client.get("/nothing"), 404)
        assert client.post("/bentoml/predict", json={"rows": iris.rows[:2]}).json()[0]["prediction"] == 0
    refused = raw.exchange(server.port, [b"GARBAGE\r\n\r\n"], SOON_SECONDS)
    server.stop()

    assert (refused.status, json.loads(refused.body)) == (400, {"error": "these bytes are no HTTP/1.1 request"})
    (sources,) = Path(built["home"]).glob("bentos/*/*/src")
    assert sorted(path.name for path in sources.iterdir()) == ["bentofile.yaml", "services"]


def test_a_bento_without_a_model_serves_what_the_settings_name(bento, built_without_model, models, iris):
    assert built_without_model["models"] == []

    server = bento(built_without_model, model=models / iris.name)

    with server.client() as client:
        assert answer_of(client.post("/predict", json={"features": iris.rows[0]}))["prediction"] == iris.predictions[0]
    server.stop()


def test_a_bento_of_a_list_serves_every_model_of_it(bento, models, iris, tmp_path):
    churn = facts.read(models, "churn-classifier")
    several = _build(tmp_path / "home", "--model", f"{models / iris.name},{models / churn.name}")

    server = bento(several, default_model=iris.name)

    assert several["bento"].startswith("trivet:")
    assert [model["name"] for model in several["models"]] == [iris.name, churn.name]
    with server.client() as client:
        assert answer_of(client.post("/predict", json={"features": iris.rows[0]}))["prediction"] == iris.predictions[0]
        assert {model["name"] for model in client.post("/v2/repository/index").json()} == {iris.name, churn.name}
        assert client.get(f"/v2/models/{churn.name}/ready").status_code == 200
    server.stop()


def test_a_list_that_names_a_model_twice_is_no_bento(models, tmp_path):
    refused = _run(tmp_path / "home", "--model", f"{models / 'iris-classifier'},{models / 'iris-classifier'}")

    assert refused.returncode == 3
    assert "a name is served once" in refused.stderr


def test_trivet_serve_runs_the_code_of_a_bento_with_its_own_settings(start, built_without_model, iris, monkeypatch):
    (folder,) = Path(built_without_model["home"]).glob("bentos/trivet/*/")
    monkeypatch.setenv("BENTO_PATH", str(folder))

    server = start(iris.name, home="relative", workers=2)

    workers = [Path(f"/proc/{pid}/cwd").resolve() for pid in server.children()]
    assert workers.count(folder / "src") == 2
    with server.client() as client:
        assert answer_of(client.post("/predict", json={"features": iris.rows[0]}))["prediction"] == iris.predictions[0]
    server.stop()
    assert (server.folder / "relative" / "predictions.db").exists()


def test_a_folder_that_is_no_bento_is_refused(start, tmp_path, monkeypatch):
    monkeypatch.setenv("BENTO_PATH", str(tmp_path))

    server = start(wait="nothing")

    assert server.process.wait(SOON_SECONDS) == 3
    assert server.log_text() == f"trivet: BENTO_PATH: {tmp_path} is no Bento: it holds no bento.yaml\n"


def test_sigterm_under_load_answers_everything_that_the_bento_accepted(bento, iris):
    server = bento(drain_wait_seconds=0.3)
    with pooled(server.url) as client:
        headers = ({"x-request-id": str(number)} for number in itertools.count())
        calls = [partial(_post, client, json={"features": iris.rows[0]}, headers=next(headers)) for _ in range(400)]
        calls.insert(200, server.terminate)
        answers = [answer for answer in together(calls, clients=16) if answer is not None]
    server.check_stopped()

    accepted = {line["request_id"] for line in server.lines() if line.get("route") == "/predict"}
    assert {answer.headers["x-request-id"] for answer in answers} == accepted
    assert {answer.status_code for answer in answers} <= {200, 503}
    assert len(accepted) >= 200


def test_a_bento_whose_model_was_changed_is_not_served(bento, built, tmp_path):
    home = tmp_path / "changed"
    shutil.copytree(built["home"], home)
    (file,) = home.glob("models/*/*/compiled/model.onnx")
    file.write_bytes(file.read_bytes() + b"\0")

    server = bento(home=home, wait="live")

    with server.client() as client:
        until(lambda: client.get("/health").json() == {"status": "failed"}, SOON_SECONDS, "health failed")
    server.stop()
    (reason,) = [line["reason"] for line in server.lines() if line["event"] == "not served"]
    assert built["models"][0]["digest"] in reason


def test_the_model_is_served_from_bentoml_s_store_which_is_mended(start, models, iris, tmp_path):
    start(home=tmp_path / "home").stop()
    (stored,) = (tmp_path / "home").glob("bentoml/models/iris-classifier/0-*/compiled")
    original = (models / iris.name / "model.onnx").read_bytes()
    assert (stored / "model.onnx").read_bytes() == original
    (stored / "model.onnx").write_bytes(b"something else")

    server = start(home=tmp_path / "home")

    assert (stored / "model.onnx").read_bytes() == original
    with server.client() as client:
        assert answer_of(client.post("/predict", json={"features": iris.rows[0]}))["prediction"] == iris.predictions[0]


def test_nothing_is_left_of_a_server_but_its_home(start, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    server = start(home=tmp_path / "home")

    server.stop()

    left = {path.name for path in (tmp_path / "temporary").iterdir()}
    assert left <= {".ses"}  # onnxruntime's own, on every engine
    assert sorted(path.name for path in (tmp_path / "home").iterdir()) == ["bentoml", "bentoml.lock", "predictions.db"]


def _build(home, *arguments):
    done = _run(home, *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _run(home, *arguments):
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("TRIVET_", "BENTOML_"))}
    command = [str(TRIVET), "build", "--json", *arguments]
    return subprocess.run(
        command, env=environment | {"TRIVET_HOME": str(home)}, capture_output=True, text=True, check=False
    )


def _post(client, **request):
    try:
        return client.post("/predict", **request)
    except httpx.TransportError:
        return None  # perhaps not accepted, which the log knows
