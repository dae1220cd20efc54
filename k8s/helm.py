"""The charts of helm/ through the real Helm engine, without a cluster and without a `helm` on PATH."""

from pathlib import Path
from typing import Any

import helm_python
import yaml

CHARTS = Path(__file__).parents[1] / "helm"
NAMESPACE = "trivet"


def render(chart: str, values: dict[str, Any] | None = None, *, release: str, upgrade: bool = False) -> str:
    """Return the manifests of a chart, as `helm template` prints them, sorted by template.

    chart: the name of a folder in helm/. values: over the chart's own. upgrade: as an upgrade of a release sees it.
    Raises helm_python.HelmError: a value that the schema refuses, or what a template fails with.
    """
    made = _templates(chart, values, release, upgrade=upgrade)
    manifests = {name: text for name, text in sorted(made.items()) if name.endswith(".yaml") and text.strip()}
    return "".join(f"---\n# Source: {name}\n{text.strip()}\n" for name, text in manifests.items())


def notes(chart: str, values: dict[str, Any] | None = None, *, release: str) -> str:
    """Return what Helm prints after it has installed a release."""
    return _templates(chart, values, release, upgrade=False)[f"{chart}/templates/NOTES.txt"]


def values_of(*files: str) -> dict[str, Any]:
    """Return the values of files in helm/values/, a later one over an earlier one."""
    merged: dict[str, Any] = {}
    for file in files:
        _merge(merged, yaml.safe_load((CHARTS / "values" / f"{file}.yaml").read_text()) or {})
    return merged


def _templates(chart: str, values: dict[str, Any] | None, release: str, *, upgrade: bool) -> dict[str, str]:
    with helm_python.Chart.load(str(CHARTS / chart)) as loaded:
        return loaded.render(
            values or {}, name=release, namespace=NAMESPACE, is_upgrade=upgrade, is_install=not upgrade
        )


def _merge(under: dict[str, Any], over: dict[str, Any]) -> None:
    for name, value in over.items():
        if isinstance(value, dict) and isinstance(under.get(name), dict):
            _merge(under[name], value)
        else:
            under[name] = value
