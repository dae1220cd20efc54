"""What is depended on, locked, imported by a server, and shipped."""

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.repo.texts import TEXTS
from tests.tools import ROOT, find_tool

REGISTRY = "https://pypi.org/simple"
DECISION = ROOT / "docs" / "adr" / "0002-dependencies.md"
# A server that imported one of these would start later and be larger; publishing and the other engines need them.
NOT_SERVED = ("mlflow", "sklearn", "pandas", "skl2onnx", "skops", "onnx", "scipy", "matplotlib", "bentoml", "ray")
LOADED = {
    "fastapi": "services.engines.fastapi.serve, services.engines.fastapi.workers",
    "bentoml": "services.engines.bentoml.serve, services.engines.bentoml.front",
}
# Folders that exist on one machine only.
LOCAL_PATH = re.compile(r"(?<![\w.~-])/(work|root|Users|mnt|tmp/uvenv)/")


def test_every_dependency_has_its_reason():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = project["project"]["optional-dependencies"].values()
    lists = (project["project"]["dependencies"], *extras, *project["dependency-groups"].values())
    wanted = {re.split(r"[\[>=<~ ]", line)[0] for listed in lists for line in listed}

    reasons = dict(re.findall(r"^\| `([\w-]+)` \|(?: [\w, ]+ \|)? (.+) \|$", DECISION.read_text(), re.MULTILINE))

    assert reasons.keys() == wanted


@pytest.mark.parametrize("engine", LOADED)
def test_serving_process_imports_no_other_library(engine):
    load = f"import {LOADED[engine]}, services.runtimes.onnx, sys"
    program = f"{load}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    imported = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)

    assert set(imported.stdout.split()) & set(NOT_SERVED) - {engine} == set()


def test_locks_name_no_other_registry():
    locks = [file for file in (ROOT / "uv.lock", *ROOT.glob("bench/**/uv.lock")) if ".venv" not in file.parts]
    registries = {name for lock in locks for name in re.findall(r'registry = "([^"]+)"', lock.read_text())}

    assert registries == {REGISTRY}


def test_texts_name_no_local_path():
    found = [file.name for file in TEXTS if LOCAL_PATH.search(file.read_text()) and file != Path(__file__)]

    assert found == []


@pytest.mark.needs("uv")
def test_wheel_holds_the_package_and_its_migrations(tmp_path):
    uv = find_tool("uv")
    assert uv

    command = [uv, "build", "--wheel", "--out-dir", str(tmp_path)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    ours = {file.relative_to(ROOT).as_posix() for file in (ROOT / "services").rglob("*") if _is_shipped(file)}
    assert any("/migrations/versions/" in name for name in ours)
    assert {name for name in names if ".dist-info/" not in name} == ours


def _is_shipped(file: Path) -> bool:
    return file.is_file() and "__pycache__" not in file.parts
