"""API keys: who may call what, and that no key is ever in the log."""

import pytest

from tests.service.shapes import answer_of, error_of
from tests.service.waiting import until

KEY, OTHER, ADMIN = "alpha-key-1", "beta-key-2", "root-key-3"
CHANGE_SECONDS = 10.0


@pytest.fixture
def files(tmp_path):
    """The two key files, as settings."""
    return _write_keys(tmp_path)


def _write_keys(folder):
    (folder / "keys").write_text(f"# who\n\nalice:{KEY}\nbob:{OTHER}\n")
    (folder / "admins").write_text(f"root:{ADMIN}\n")
    return {"api_keys_file": folder / "keys", "admin_keys_file": folder / "admins"}


@pytest.fixture(scope="module")
def guarded(serve, tmp_path_factory):
    """A server that asks for keys, shared by the tests that leave its files alone."""
    return serve(**_write_keys(tmp_path_factory.mktemp("keys")))


@pytest.fixture
def own(start, files):
    """One whose key files a test may change."""
    return start(**files)


@pytest.mark.parametrize("path", ["/health", "/v2/health/live", "/v2/health/ready", "/metrics"])
def test_health_and_metrics_are_open(guarded, path):
    with guarded.client() as client:
        assert client.get(path).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/predict"),
        ("POST", "/predict/batch"),
        ("POST", "/v2/models/iris-classifier/infer"),
        ("POST", "/v2/models/nobody/infer"),
        ("GET", "/v2"),
        ("GET", "/v2/models/iris-classifier"),
        ("GET", "/v2/models/iris-classifier/ready"),
        ("GET", "/v2/models/stats"),
        ("POST", "/v2/repository/index"),
        ("POST", "/feedback"),
        ("GET", "/nothing"),
        ("GET", "/health/"),
        ("GET", "//health"),
        ("PUT", "/predict"),
    ],
)
def test_every_other_route_needs_a_key(guarded, method, path):
    with guarded.client() as client:
        refused = client.request(method, path)

    error_of(refused, 401)
    assert refused.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "headers",
    [
        {"x-api-key": KEY},
        {"authorization": f"Bearer {OTHER}"},
        {"authorization": f"bearer {KEY}"},
        {"x-api-key": ADMIN},
    ],
    ids=["x-api-key", "bearer", "scheme in lower case", "an administrator's"],
)
def test_a_known_key_is_let_in(guarded, iris, headers):
    with guarded.client(headers=headers) as client:
        assert answer_of(client.post("/predict", json={"features": iris.rows[0]}))


@pytest.mark.parametrize(
    "headers",
    [
        {"x-api-key": "guess"},
        {"x-api-key": ""},
        {"x-api-key": "alice"},
        {"x-api-key": f"alice:{KEY}"},
        {"x-api-key": KEY[:-1]},
        {"authorization": f"Basic {KEY}"},
        {"authorization": "Bearer"},
        {"authorization": KEY},
        {"x-api-key": b"caf\xe9"},
    ],
    ids=repr,
)
def test_an_unknown_key_answers_401(guarded, iris, headers):
    with guarded.client(headers=headers) as client:
        refused = client.post("/predict", json={"features": iris.rows[0]})

    error_of(refused, 401)
    assert refused.headers["www-authenticate"] == "Bearer"


def test_an_ordinary_key_has_no_right_to_administer(guarded, iris):
    with guarded.client(headers={"x-api-key": KEY}) as client:
        error_of(client.post(f"/v2/repository/models/{iris.name}/unload"), 403)
    with guarded.client(headers={"authorization": f"Bearer {ADMIN}"}) as client:
        assert answer_of(client.post(f"/v2/repository/models/{iris.name}/load")) == {}


def test_a_changed_key_file_is_noticed(own, files, iris):
    with own.client(headers={"x-api-key": "gamma-key-4"}) as client:
        error_of(client.get("/v2"), 401)
        files["api_keys_file"].write_text("carol:gamma-key-4\n")

        until(lambda: client.get("/v2").status_code == 200, CHANGE_SECONDS, "the new key is known")

        error_of(client.get("/v2", headers={"x-api-key": KEY}), 401)


def test_a_key_file_that_became_unreadable_keeps_the_old_keys(own, files):
    files["api_keys_file"].write_text("no separator\n")
    with own.client(headers={"x-api-key": KEY}) as client:
        until(lambda: client.get("/v2") and "keys not read" in own.log_text(), CHANGE_SECONDS, "a warning is logged")

        assert answer_of(client.get("/v2"))


def test_keys_are_never_logged_and_names_are(own, iris):
    with own.client() as client:
        for key in (KEY, ADMIN, "guessed-key-5"):
            client.post("/predict", json={"features": iris.rows[0]}, headers={"x-api-key": key})
            client.get("/v2", headers={"authorization": f"Bearer {key}"})
    own.stop()

    log = own.log_text()
    assert not any(key in log for key in (KEY, OTHER, ADMIN, "guessed-key-5"))
    assert {line.get("caller") for line in own.lines()} >= {"alice", "root"}


@pytest.mark.parametrize("text", ["# nobody\n", "no separator\n", "name:\n"])
def test_a_key_file_without_keys_stops_the_start(start, tmp_path, text):
    (tmp_path / "broken").write_text(text)

    server = start(wait="nothing", api_keys_file=tmp_path / "broken")

    assert server.process.wait(timeout=30) == 3
    assert "Traceback" not in server.log_text()
    assert "key file" in server.log_text()
