"""What every chart brings with it: a closed schema, pages, notes and a test; and what is generated is fresh."""

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from k8s import grafana, render
from tests.chart.charts import FOLDERS, Object, all_releases, is_hook, of_release, schema_of
from tests.tools import ROOT

MAX_TEMPLATE_LINES = 120
# What an object or Kubernetes' own structure is passed on as it is; Kubernetes says what is in it.
PASSED_ON = {"affinity", "extraIngress", "extraEgress", "valueFrom"}
# Values that hold a server's settings by their names: what is not set has the server's own default.
SETTINGS = {"settings", "user_config"}

every_chart = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)


@every_chart
def test_chart_has_the_packages_version(folder: Path):
    chart = yaml.safe_load((folder / "Chart.yaml").read_text())
    package = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert (chart["apiVersion"], chart["name"], chart["type"]) == ("v2", folder.name, "application")
    assert chart["appVersion"] == package["version"]
    assert chart["description"].endswith(".")


@every_chart
def test_chart_brings_pages_and_notes(folder: Path):
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*")}

    assert {"README.md", "UPGRADING.md", "values.schema.json", "templates/NOTES.txt"} <= files
    assert (
        f"## {yaml.safe_load((folder / 'Chart.yaml').read_text())['version']}" in (folder / "UPGRADING.md").read_text()
    )


@every_chart
def test_chart_can_be_tested_with_helm(folder: Path):
    hooks = [each for release in all_releases() if release.chart == folder.name for each in of_release(release)]

    assert any(is_hook(each) and each["metadata"]["annotations"]["helm.sh/hook"] == "test" for each in hooks)


@every_chart
def test_templates_are_short(folder: Path):
    long = [
        file.name
        for file in (folder / "templates").rglob("*.*")
        if len(file.read_text().splitlines()) > MAX_TEMPLATE_LINES
    ]

    assert long == []


@every_chart
def test_schema_takes_only_what_it_names(folder: Path):
    open_parts = [
        where
        for where, part in _parts(schema_of(folder))
        if part.get("type") == "object" and part.get("additionalProperties", True) is True
    ]

    assert [where for where in open_parts if not PASSED_ON & set(where.split("."))] == []


@every_chart
def test_every_value_says_what_it_is(folder: Path):
    described = [
        (f"{where}.{name}", value.get("description", ""))
        for where, part in _parts(schema_of(folder))
        for name, value in part.get("properties", {}).items()
    ]

    assert [where for where, text in described if not text.endswith(".")] == []


@every_chart
def test_values_and_schema_name_the_same(folder: Path):
    values = yaml.safe_load((folder / "values.yaml").read_text())

    assert list(_differences(schema_of(folder), values, "")) == []


def test_rendered_manifests_are_fresh():
    wanted = render.pages()
    found = {file: file.read_text() for file in render.FOLDER.glob("*.yaml")}

    assert [file.name for file in found.keys() | wanted.keys() if found.get(file) != wanted.get(file)] == [], (
        "make render"
    )


def test_dashboards_are_fresh():
    wanted = grafana.pages()
    found = {file: file.read_text() for file in grafana.FOLDER.iterdir()}

    assert [file.name for file in found.keys() | wanted.keys() if found.get(file) != wanted.get(file)] == [], (
        "make render"
    )


def _parts(schema: Object, where: str = "") -> Iterator[tuple[str, Object]]:
    """Yield every part of a schema that describes an object, with the path of the value."""
    if schema.get("type") == "object":
        yield where, schema
    for name, part in schema.get("properties", {}).items():
        yield from _parts(part, f"{where}.{name}".strip("."))
    if "items" in schema:
        yield from _parts(schema["items"], where)
    if isinstance(schema.get("additionalProperties"), dict):
        yield from _parts(schema["additionalProperties"], where)


def _differences(schema: Object, values: Object, where: str) -> Iterator[str]:
    """Yield what only one of them names."""
    named = schema.get("properties", {})
    yield from (f"{where}{name}: not in the schema" for name in values.keys() - named.keys())
    for name, part in named.items():
        if name not in values:
            yield f"{where}{name}: not in values.yaml"
        elif part.get("properties") and name not in SETTINGS and isinstance(values[name], dict):
            yield from _differences(part, values[name], f"{where}{name}.")
