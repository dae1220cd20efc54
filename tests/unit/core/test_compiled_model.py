"""A compiled model is read whole and unchanged, or not at all."""

import shutil
from pathlib import Path

import pytest

from services.core.compiled_model import MANIFEST_FILE, CompiledModel, digest, read
from services.core.errors import LoadFailed


@pytest.fixture
def folder(scaler: CompiledModel, tmp_path: Path) -> Path:
    return Path(shutil.copytree(scaler.folder, tmp_path / "model"))


def test_a_folder_is_read_with_its_digest(folder, scaler):
    compiled = read(folder, version="7", expected_digest=scaler.digest)

    assert compiled.manifest == scaler.manifest
    assert (compiled.version, compiled.digest) == ("7", scaler.digest)
    assert compiled.model_file == folder / "model.onnx"


def test_the_digest_covers_names_and_contents_of_all_files(folder):
    before = digest(folder)
    (folder / "sub").mkdir()
    (folder / "sub" / "more").write_bytes(b"1")
    with_more = digest(folder)
    (folder / "sub" / "more").rename(folder / "sub" / "less")

    assert len({before, with_more, digest(folder)}) == 3


def test_what_mlflow_adds_on_download_is_not_digested(folder, scaler):
    (folder / "registered_model_meta").write_text("added")

    assert digest(folder) == scaler.digest


@pytest.mark.parametrize("file", ["model.onnx", MANIFEST_FILE])
def test_a_changed_file_is_refused(folder, scaler, file):
    with (folder / file).open("ab") as changed:
        changed.write(b" ")

    with pytest.raises(LoadFailed, match=f"and {scaler.digest} was published: fetch it again"):
        read(folder, version="1", expected_digest=scaler.digest)


def test_a_folder_without_a_manifest_is_no_compiled_model(tmp_path):
    with pytest.raises(LoadFailed, match="is no compiled model"):
        read(tmp_path, version="1", expected_digest=None)


def test_a_folder_without_its_model_is_refused(folder):
    (folder / "model.onnx").unlink()

    with pytest.raises(LoadFailed, match=r"model\.onnx is missing"):
        read(folder, version="1", expected_digest=None)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"name":5}', b"\xff", b'{"name":"m","runtime":"pickle"}', b"[" * 100_000]
)
def test_a_manifest_that_is_none_is_refused(folder, content):
    (folder / MANIFEST_FILE).write_bytes(content)

    with pytest.raises(LoadFailed, match="is not readable"):
        read(folder, version="1", expected_digest=None)
