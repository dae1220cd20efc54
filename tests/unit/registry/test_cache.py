"""The cache of compiled models, and what is asked of a registry before it is used."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from sklearn.naive_bayes import GaussianNB

from services.core import compiled_model
from services.core.compiled_model import CompiledModel
from services.core.errors import LoadFailed
from services.core.settings import Settings
from services.registry import cache, write
from services.registry.fetch import fetch
from services.registry.source import ModelSource
from services.registry.sources import Source
from tests.unit.registry.tables import X, Y, compiled, runtime

URI = "models:/iris@production"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("compiled") / "iris"
    model = compiled(GaussianNB(), X, Y)
    write.write(path, model, write.manifest_of(model, runtime(model), Source("test"), "iris"), None)
    return path


@pytest.fixture
def kept(folder: Path, tmp_path: Path) -> CompiledModel:
    copy = tmp_path / "download"
    subprocess.run(["cp", "-r", folder, copy], check=True)
    digest = compiled_model.digest(copy)
    model = cache.keep(copy, version="3", digest=digest, home=tmp_path)
    cache.point(URI, model, tmp_path)
    return model


def test_cached_model_is_found_by_its_uri(kept: CompiledModel, tmp_path: Path) -> None:
    found = cache.cached(URI, tmp_path)

    assert found == kept
    assert (found.version, found.manifest.name) == ("3", "iris")


def test_a_version_that_was_copied_to_another_model_has_that_models_name(kept: CompiledModel, tmp_path: Path) -> None:
    cache.point("models:/flowers@production", kept, tmp_path)

    found = ModelSource(Settings(home=tmp_path), "models:/flowers@production").find(refresh=False)

    assert found.manifest.name == "flowers"
    assert (found.digest, found.version, found.folder) == (kept.digest, kept.version, kept.folder)


def test_a_folder_that_holds_another_model_by_now_is_refused(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "model"
    subprocess.run(["cp", "-r", folder, copy], check=True)
    source = ModelSource(Settings(home=tmp_path), str(copy))
    manifest = copy / "model.json"
    manifest.write_text(manifest.read_text().replace('"iris"', '"flowers"'))

    with pytest.raises(LoadFailed, match="holds the model 'flowers', not 'iris': start the server again"):
        source.find(refresh=False)


def test_unknown_uri_is_not_cached(kept: CompiledModel, tmp_path: Path) -> None:
    assert cache.cached("models:/other@production", tmp_path) is None


def test_damaged_cache_is_not_served_and_is_removed(kept: CompiledModel, tmp_path: Path) -> None:
    kept.model_file.write_bytes(b"something else")

    assert cache.cached(URI, tmp_path) is None
    assert not kept.folder.exists()


def test_damaged_pointer_is_no_answer(kept: CompiledModel, tmp_path: Path) -> None:
    for pointer in (tmp_path / "cache" / "pointers").iterdir():
        pointer.write_text("{")

    assert cache.cached(URI, tmp_path) is None


def test_download_with_another_digest_is_refused(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "download"
    subprocess.run(["cp", "-r", folder, copy], check=True)

    with pytest.raises(LoadFailed, match="was published"):
        cache.keep(copy, version="1", digest="0" * 64, home=tmp_path)


def test_two_processes_that_download_the_same_keep_one(folder: Path, kept: CompiledModel, tmp_path: Path) -> None:
    copy = tmp_path / "again"
    subprocess.run(["cp", "-r", folder, copy], check=True)

    again = cache.keep(copy, version="3", digest=kept.digest, home=tmp_path)

    assert again == kept
    assert not copy.exists()


@pytest.fixture
def registry(tmp_path: Path) -> sqlite3.Connection:
    base = sqlite3.connect(tmp_path / "mlflow.db")
    base.executescript(
        "CREATE TABLE registered_model_aliases (name, alias, version);"
        "CREATE TABLE model_versions (name, version);"
        "CREATE TABLE model_version_tags (name, version, key, value);"
        "INSERT INTO registered_model_aliases VALUES ('iris', 'production', 3), ('iris', 'raw', 4);"
        "INSERT INTO model_versions VALUES ('iris', 3), ('iris', 4);"
    )
    return base


def test_embedded_registry_is_read_without_a_child_process(
    kept: CompiledModel, registry: sqlite3.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.execute("INSERT INTO model_version_tags VALUES ('iris', 3, 'trivet.digest', ?)", (kept.digest,))
    registry.commit()
    registry.close()
    monkeypatch.setattr(subprocess, "run", None)

    assert fetch(URI, tmp_path) == kept
    assert fetch("models:/iris/3", tmp_path) == kept


@pytest.mark.parametrize(
    ("uri", "sentence"),
    [
        ("models:/iris@nobody", "`trivet publish` puts it there"),
        ("models:/iris/9", "`trivet publish` puts it there"),
        ("models:/iris@raw", "`trivet publish models:/iris/4` compiles it"),
    ],
)
def test_what_the_registry_does_not_have_is_said(uri, sentence, registry: sqlite3.Connection, tmp_path: Path) -> None:
    registry.close()

    with pytest.raises(LoadFailed, match=sentence):
        fetch(uri, tmp_path)


def test_no_registry_yet_is_said(tmp_path: Path) -> None:
    with pytest.raises(LoadFailed, match=r"there is no registry at .*`trivet train`"):
        fetch(URI, tmp_path)


class Answers(BaseHTTPRequestHandler):
    """An MLflow server that knows one alias; keeps the requests that it got."""

    digest = ""
    seen: list[tuple[str, str | None]]

    def do_GET(self) -> None:
        self.seen.append((self.path, self.headers.get("Authorization")))
        known = "alias=production" in self.path
        version = {"name": "iris", "version": "3", "tags": [{"key": "trivet.digest", "value": self.digest}]}
        body = json.dumps({"model_version": version} if known else {"message": "no such alias"}).encode()
        self.send_response(200 if known else 404)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(kept: CompiledModel) -> Iterator[tuple[str, list]]:
    handler = type("Handler", (Answers,), {"digest": kept.digest, "seen": []})
    with HTTPServer(("127.0.0.1", 0), handler) as served:
        thread = Thread(target=served.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{served.server_port}", handler.seen
        served.shutdown()
        thread.join()


def test_alias_is_one_request_to_the_registry(kept: CompiledModel, server: tuple[str, list], tmp_path: Path) -> None:
    url, seen = server

    assert fetch(URI, tmp_path, url.replace("://", "://me:secret@")) == kept
    assert seen == [("/api/2.0/mlflow/registered-models/alias?name=iris&alias=production", "Basic bWU6c2VjcmV0")]


def test_refusal_of_the_registry_is_passed_on(server: tuple[str, list], tmp_path: Path) -> None:
    with pytest.raises(LoadFailed, match="answered 404 for models:/iris@nobody: no such alias"):
        fetch("models:/iris@nobody", tmp_path, server[0])


def test_unreachable_registry_is_said(tmp_path: Path) -> None:
    with pytest.raises(LoadFailed, match=r"the registry at 127\.0\.0\.1 does not answer"):
        fetch(URI, tmp_path, "http://127.0.0.1:9")


def test_fetching_imports_no_mlflow_scikit_learn_or_pandas() -> None:
    program = (
        "import sys, services.registry.cache, services.registry.fetch, services.registry.lookup\n"
        "print([m for m in sys.modules if m.split('.')[0] in ('mlflow', 'sklearn', 'pandas', 'onnx', 'skl2onnx')])"
    )

    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert found.stdout.strip() == "[]"
