"""Downloads from an MLflow server, over real HTTP: what is written, and what a server that lies cannot do."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from services.core import compiled_model
from services.core.errors import LoadFailed
from services.registry import artifacts, mlflow_server
from services.registry.fetch import fetch
from services.registry.mlflow_server import Credentials, MlflowServer

ARTIFACTS = "/mlflow/api/2.0/mlflow-artifacts/artifacts"
SOURCE = "mlflow-artifacts:/1/run/artifacts/model"
ROOT = "1/run/artifacts/model"
TOKEN = Credentials(token="secret")


class Registry:
    """What an MLflow server below the path /mlflow lists and holds; tests change it."""

    def __init__(self) -> None:
        self.listings: dict[str, list[object]] = {}
        self.files: dict[str, bytes] = {}
        self.answers: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.seen: list[tuple[str, str | None]] = []
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/mlflow"

    def answer(self, target: str) -> tuple[int, dict[str, str], bytes]:
        url = urlsplit(target)
        if url.path in self.answers:
            return self.answers[url.path]
        if url.path == ARTIFACTS:
            return 200, {}, json.dumps({"files": self.listings.get(parse_qs(url.query)["path"][0], [])}).encode()
        path = unquote(url.path.removeprefix(ARTIFACTS + "/"))
        if path in self.files:
            return 200, {}, self.files[path]
        return 404, {}, json.dumps({"error_code": "RESOURCE_DOES_NOT_EXIST", "message": f"no {path}"}).encode()


class Handler(BaseHTTPRequestHandler):
    registry: Registry

    def do_GET(self) -> None:
        self.registry.seen.append((self.path, self.headers.get("Authorization")))
        status, headers, body = self.registry.answer(self.path)
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def registry() -> Iterator[Registry]:
    known = Registry()
    with ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Handler,), {"registry": known})) as served:
        known.port = served.server_port
        thread = Thread(target=served.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield known
        served.shutdown()
        thread.join()


Download = Callable[..., Path]


@pytest.fixture
def download(registry: Registry, tmp_path: Path) -> Download:
    def run(source: str = SOURCE) -> Path:
        folder = tmp_path / "download"
        folder.mkdir()
        artifacts.download(MlflowServer(registry.url, TOKEN), source, folder, "models:/iris/3")
        return folder

    return run


def _file(name: str) -> dict[str, object]:
    return {"path": name, "is_dir": False, "file_size": 1}


def _written(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_files_and_folders_come_as_they_are(registry: Registry, download: Download) -> None:
    large = os.urandom(1024 * 1024 + 1)
    registry.listings = {ROOT: [_file("model.onnx"), {"path": "a b", "is_dir": True}], f"{ROOT}/a b": [_file("é?#%.x")]}
    registry.files = {f"{ROOT}/model.onnx": large, f"{ROOT}/a b/é?#%.x": b""}

    folder = download()

    assert _written(folder) == {"model.onnx": large, "a b/é?#%.x": b""}
    assert {credentials for _, credentials in registry.seen} == {"Bearer secret"}


def test_published_version_is_fetched_without_a_child_process(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = {"name": "iris", "runtime": "onnx", "signature": {"inputs": [], "outputs": []}, "sample": {}}
    registry.files = {f"{ROOT}/model.json": json.dumps(manifest).encode(), f"{ROOT}/model.onnx": b"onnx"}
    registry.listings = {ROOT: [_file("model.json"), _file("model.onnx")]}
    published = tmp_path / "published"
    published.mkdir()
    for path, content in registry.files.items():
        (published / Path(path).name).write_bytes(content)
    tags = [{"key": "trivet.digest", "value": compiled_model.digest(published)}]
    version = {"model_version": {"version": "3", "source": SOURCE, "tags": tags}}
    registry.answers["/mlflow/api/2.0/mlflow/registered-models/alias"] = (200, {}, json.dumps(version).encode())
    monkeypatch.setattr(subprocess, "run", None)

    model = fetch("models:/iris@production", tmp_path, registry.url)
    registry.files[f"{ROOT}/model.onnx"] = b"changed"

    assert (model.version, model.digest) == ("3", tags[0]["value"])
    with pytest.raises(LoadFailed, match="models:/iris/3 is not what was published, so somebody changed its files"):
        fetch("models:/iris@production", tmp_path / "elsewhere", registry.url)


def test_home_that_cannot_be_written_is_said(registry: Registry, tmp_path: Path) -> None:
    tags = [{"key": "trivet.digest", "value": "0"}]
    version = {"model_version": {"version": "3", "source": SOURCE, "tags": tags}}
    registry.answers["/mlflow/api/2.0/mlflow/model-versions/get"] = (200, {}, json.dumps(version).encode())
    (tmp_path / "home").write_text("a file")

    with pytest.raises(LoadFailed, match=r"models:/iris/3 cannot be kept in .*/home: Not a directory: let TRIVET_HOME"):
        fetch("models:/iris/3", tmp_path / "home", registry.url)


@pytest.mark.parametrize(
    "name", ["..", ".", "", "/etc/passwd", "../model.onnx", "a/b", "a\\b", "..\\x", "a\x00b", "a\nb", "\u202eonnx"]
)
@pytest.mark.parametrize("is_dir", [True, False])
def test_name_that_is_no_plain_one_is_refused(
    name: str, is_dir: bool, registry: Registry, download: Download, tmp_path: Path
) -> None:
    registry.listings = {ROOT: [_file("model.onnx"), {"path": name, "is_dir": is_dir}]}
    registry.files = {f"{ROOT}/model.onnx": b"x"}

    with pytest.raises(LoadFailed, match=r"models:/iris/3 has a file called .*: publish it again"):
        download()
    assert _written(tmp_path) == {"download/model.onnx": b"x"}


def test_source_that_leaves_the_artifacts_is_refused(registry: Registry, download: Download) -> None:
    with pytest.raises(LoadFailed, match=r"has a file called '\.\.'"):
        download("mlflow-artifacts:/1/../../mlflow/users")
    assert registry.seen == []


@pytest.mark.parametrize("listed", [["x", "x"], ["x" * 300]])
def test_name_that_cannot_be_written_is_not(listed: list[str], registry: Registry, download: Download) -> None:
    registry.listings = {ROOT: [_file(name) for name in listed]}
    registry.files = {f"{ROOT}/{name}": b"1" for name in listed}

    with pytest.raises(OSError, match=r"File exists|File name too long"):
        download()


def test_folders_without_an_end_are_refused(registry: Registry, download: Download) -> None:
    endless = json.dumps({"files": [{"path": "d", "is_dir": True}]}).encode()
    registry.answers[ARTIFACTS] = (200, {}, endless)

    with pytest.raises(LoadFailed, match=f"has more than {artifacts.MAX_ENTRIES} files"):
        download()


def test_too_many_bytes_are_refused_over_all_files(
    registry: Registry, download: Download, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(artifacts, "MAX_BYTES", 5)
    registry.listings = {ROOT: [_file("a"), _file("b")]}
    registry.files = {f"{ROOT}/a": b"123", f"{ROOT}/b": b"456"}

    with pytest.raises(LoadFailed, match="has more than 5 bytes"):
        download()


def test_no_files_are_said(download: Download) -> None:
    with pytest.raises(LoadFailed, match="models:/iris/3 has no files at mlflow-artifacts:/1/run/artifacts/model"):
        download()


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ((307, {"Location": "https://elsewhere/x"}, b""), "on to https://elsewhere/x: name the server that answers"),
        ((401, {}, b"who are you"), r"answered 401 for models:/iris/3: who are you \(set MLFLOW_TRACKING_TOKEN"),
        ((403, {}, b"Invalid Host header"), r"Invalid Host header \(.*--allowed-hosts\)"),
        ((503, {}, b'{"message": "run it with --serve-artifacts"}'), "503 .*: run it with --serve-artifacts"),
        ((200, {}, b"<html>"), "is no MLflow, for models:/iris/3: check MLFLOW_TRACKING_URI"),
        ((200, {}, b'{"files": [{}]}'), "is no MLflow, for models:/iris/3: check MLFLOW_TRACKING_URI"),
        ((200, {}, b"\xff"), "is no MLflow, for models:/iris/3: check MLFLOW_TRACKING_URI"),
        ((200, {}, b" " * 2**20 + b"{}"), "answered with more than a megabyte for models:/iris/3"),
        ((200, {"Content-Length": "3"}, b"{}"), "does not answer for models:/iris/3: IncompleteRead.*1 more expected"),
    ],
)
def test_answer_that_is_no_listing_is_one_sentence(
    answer: tuple[int, dict[str, str], bytes], sentence: str, registry: Registry, download: Download
) -> None:
    registry.answers[ARTIFACTS] = answer

    with pytest.raises(LoadFailed, match=sentence):
        download()
    assert len(registry.seen) == 1


def test_file_that_breaks_off_is_said(registry: Registry, download: Download) -> None:
    registry.listings = {ROOT: [_file("model.onnx")]}
    registry.answers[f"{ARTIFACTS}/{ROOT}/model.onnx"] = (200, {"Content-Length": "9"}, b"123")

    with pytest.raises(LoadFailed, match=r"does not answer for models:/iris/3: IncompleteRead.*6 more expected"):
        download()


def test_download_without_an_end_is_given_up(
    registry: Registry, download: Download, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mlflow_server, "DOWNLOAD_SECONDS", 0)

    with pytest.raises(LoadFailed, match="took longer than 0 s for models:/iris/3: put the compiled model's folder"):
        download()


def test_port_that_is_none_is_said() -> None:
    with pytest.raises(LoadFailed, match="MLFLOW_TRACKING_URI is no URL: Port"):
        MlflowServer("http://mlflow:http", TOKEN)


def test_only_files_of_the_registrys_own_server_are_asked_of_it() -> None:
    elsewhere = ("mlflow-artifacts://other/1/model", "s3://bucket/model", "models:/m-1", "file:///model", "")

    assert artifacts.are_served(SOURCE)
    assert not any(artifacts.are_served(source) for source in elsewhere)


def test_missing_mlflow_is_said_with_the_extra(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tags = [{"key": "trivet.digest", "value": "0"}]
    version = {"model_version": {"version": "3", "source": "s3://bucket/model", "tags": tags}}
    registry.answers["/mlflow/api/2.0/mlflow/model-versions/get"] = (200, {}, json.dumps(version).encode())
    (tmp_path / "mlflow.py").write_text("raise ModuleNotFoundError(name='mlflow')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with_password = registry.url.replace("://", "://me:secret@")

    with pytest.raises(LoadFailed, match=r"models:/iris/3 cannot be .*: install the extra trivet\[registry\]") as said:
        fetch("models:/iris/3", tmp_path, with_password)
    assert "secret" not in said.value.message
