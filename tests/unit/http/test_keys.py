"""API keys: which routes ask for one, and a key file that changes while serving."""

import logging
import os
from pathlib import Path

import pytest

from services.core.errors import NotFound, SettingsInvalid
from services.core.settings import Settings
from services.http import keys as module
from services.http.errors import Forbidden, Unauthenticated
from services.http.exchange import Exchange
from services.http.keys import OPEN_PATHS, KeyFile, Keys
from tests.unit.http.asgi import Body, scope


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "keys"
    path.write_text("# who may call\n\nalice:secret-a\n bob:secret:b \n")
    return path


@pytest.fixture
def keys(file: Path, tmp_path: Path) -> Keys:
    (tmp_path / "admins").write_text("root:secret-r\n")
    return Keys(Settings(api_keys_file=file, admin_keys_file=tmp_path / "admins"))


@pytest.fixture
def always_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.0)


def exchange(path: str = "/predict", **headers: str | bytes) -> Exchange:
    return Exchange(None, scope(path, x_request_id="1", **headers), Body())


def rewrite(file: Path, text: str) -> None:
    before = file.stat().st_mtime_ns
    file.write_text(text)
    os.utime(file, ns=(before + 1, before + 1))


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer secret-a"},
        {"authorization": "bearer secret-a"},
        {"authorization": "Bearer  secret-a "},
        {"x_api_key": "secret-a"},
        {"authorization": "Basic xyz", "x_api_key": "secret-a"},
    ],
)
def test_a_key_comes_in_either_header(keys, headers):
    asked = exchange(**headers)

    keys.check(asked)

    assert asked.caller == "alice"


def test_a_key_may_hold_a_colon(keys):
    asked = exchange(x_api_key="secret:b")

    keys.check(asked)

    assert asked.caller == "bob"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x_api_key": ""},
        {"x_api_key": "alice"},
        {"x_api_key": "secret-A"},
        {"x_api_key": "secret-a "},
        {"authorization": "Bearer"},
        {"authorization": "secret-a"},
        {"x_api_key": b"\xff\xfe"},
    ],
)
def test_no_key_or_a_wrong_one_is_unauthenticated(keys, headers):
    with pytest.raises(Unauthenticated):
        keys.check(exchange(**headers))


@pytest.mark.parametrize("path", sorted(OPEN_PATHS))
def test_health_and_metrics_need_no_key(keys, path):
    keys.check(exchange(path))


def test_nothing_else_is_open():
    assert {"/health", "/v2/health/live", "/v2/health/ready", "/metrics"} == OPEN_PATHS


def test_without_a_key_file_nobody_is_asked():
    keys = Keys(Settings())

    keys.check(exchange())

    assert not keys.required


def test_an_administrator_may_use_the_ordinary_routes(keys):
    asked = exchange(x_api_key="secret-r")

    keys.check(asked)

    assert asked.caller == "root"


def test_the_admin_routes_know_administrators_only(keys):
    keys.check_admin(exchange(x_api_key="secret-r"))

    with pytest.raises(Forbidden):
        keys.check_admin(exchange(x_api_key="secret-a"))
    with pytest.raises(Unauthenticated):
        keys.check_admin(exchange())


def test_the_admin_routes_are_not_there_without_administrators(file):
    with pytest.raises(NotFound):
        Keys(Settings(api_keys_file=file)).check_admin(exchange(x_api_key="secret-a"))


def test_a_changed_file_is_read_again(file, always_look):
    keys = KeyFile(file)

    rewrite(file, "carol:secret-c")

    assert keys.name_of(b"secret-c") == "carol"
    assert keys.name_of(b"secret-a") == ""


def test_an_unchanged_file_is_not_read_again(file, always_look, monkeypatch):
    keys = KeyFile(file)
    monkeypatch.setattr(Path, "read_text", None)

    assert keys.name_of(b"secret-a") == "alice"


@pytest.mark.parametrize("bad", ["", "# nobody\n", "alice", ":key", "alice:", "alice:new\nbroken\n"])
def test_a_bad_file_keeps_the_old_keys_and_says_so_without_them(file, always_look, caplog, bad):
    keys = KeyFile(file)
    rewrite(file, bad)

    with caplog.at_level(logging.WARNING):
        assert keys.name_of(b"secret-a") == "alice"

    assert caplog.records[0].getMessage() == "keys not read, the old ones stay"
    assert "secret" not in str([vars(record) for record in caplog.records])


def test_a_file_that_is_gone_keeps_the_old_keys_until_it_is_back(file, always_look):
    keys = KeyFile(file)
    file.unlink()
    assert keys.name_of(b"secret-a") == "alice"

    file.write_text("carol:secret-c")

    assert keys.name_of(b"secret-c") == "carol"


@pytest.mark.parametrize("content", [None, b"", b"alice", b"\xff\xfe:x"])
def test_a_server_does_not_start_with_a_bad_file(tmp_path, content):
    path = tmp_path / "keys"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(SettingsInvalid, match="cannot be used"):
        KeyFile(path)


def test_every_key_is_compared(file, monkeypatch):
    compared = []
    keys = KeyFile(file)
    monkeypatch.setattr(module.hmac, "compare_digest", lambda known, given: compared.append(known) or known == given)

    assert keys.name_of(b"secret-a") == "alice"

    assert compared == [b"secret-a", b"secret:b"]
