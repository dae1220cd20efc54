"""Charts as lists of objects, for tests to look at."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import helm_python
import pytest
import yaml

from k8s.helm import CHARTS, render, values_of
from k8s.render import releases

Object = dict[str, Any]
FOLDERS = sorted(file.parent for file in CHARTS.glob("*/Chart.yaml"))


class Release(NamedTuple):
    """One chart with one choice of values. files: of helm/values/. case: a file of the chart's ci/."""

    chart: str
    name: str
    files: tuple[str, ...] = ()
    case: Path | None = None

    def __str__(self) -> str:
        return " ".join((self.chart, *self.files, *([self.case.stem] if self.case else ())))

    @property
    def values(self) -> Object:
        own: Object = yaml.safe_load(self.case.read_text()) if self.case else {}
        return {**values_of(*self.files), **own}


class Pod(NamedTuple):
    """A pod that an object makes. kind: the object's."""

    kind: str
    labels: dict[str, str]
    spec: Object


def all_releases() -> list[Release]:
    """Return every chart with its own values, those of its ci/, and each values file that is for it."""
    found = [Release(folder.name, "demo") for folder in FOLDERS]
    found += [Release(file.parts[-3], "demo", case=file) for file in sorted(CHARTS.glob("*/ci/*-values.yaml"))]
    for name, chart in releases().items():
        found.append(Release(chart, name, (f"kind-{name}",)))
        if "gpu" in yaml.safe_load((CHARTS / chart / "values.yaml").read_text()):
            own = f"gpu-{name}"
            files = (f"kind-{name}", own if (CHARTS / "values" / f"{own}.yaml").is_file() else "gpu")
            found.append(Release(chart, name, files))
    return found


@cache
def of_release(release: Release) -> list[Object]:
    """Return what a release consists of."""
    return objects(release.chart, release.values, release=release.name)


def objects(chart: str, values: Object | None = None, *, release: str = "demo") -> list[Object]:
    """Return what a release of the chart consists of."""
    return [found for found in yaml.safe_load_all(render(chart, values, release=release)) if found]


def one(found: list[Object], kind: str, name: str | None = None) -> Object:
    """Return the only object of a kind (and name)."""
    (only,) = [each for each in found if each["kind"] == kind and name in (None, each["metadata"]["name"])]
    return only


def pods(found: list[Object]) -> Iterator[Pod]:
    """Yield the pods that the objects make, Ray's too, with the labels that KubeRay gives them."""
    for each in found:
        if each["kind"] == "Pod":
            yield Pod("Pod", each["metadata"].get("labels", {}), each["spec"])
        elif each["kind"] == "RayService":
            cluster = each["spec"]["rayClusterConfig"]
            groups = [(cluster["headGroupSpec"], "head"), *((group, "worker") for group in cluster["workerGroupSpecs"])]
            for group, kind in groups:
                labels = {"ray.io/is-ray-node": "yes", "ray.io/node-type": kind}
                yield _templated(
                    each["kind"], group["template"], {**labels, "ray.io/group": group.get("groupName", "")}
                )
        elif "template" in each.get("spec", {}):
            yield _templated(each["kind"], each["spec"]["template"], {})


def _templated(kind: str, template: Object, given: dict[str, str]) -> Pod:
    return Pod(kind, {**given, **template.get("metadata", {}).get("labels", {})}, template["spec"])


def is_hook(found: Object) -> bool:
    """Say whether Helm makes the object only at some moment, as `helm test` does."""
    return "helm.sh/hook" in found["metadata"].get("annotations", {})


def refusal(chart: str, values: Object) -> str:
    """Return why Helm refuses the values, on one line; fails if it takes them."""
    with pytest.raises(helm_python.HelmError) as refused:
        render(chart, values, release="demo")
    return re.sub(r"\s+", " ", str(refused.value))


def schema_of(folder: Path) -> Object:
    """Return the schema of a chart's values, with every definition in its place."""
    schema: Object = yaml.safe_load((folder / "values.schema.json").read_text())
    definitions = schema.get("definitions", {})

    def inlined(part: Any) -> Any:
        if isinstance(part, list):
            return [inlined(each) for each in part]
        if not isinstance(part, dict):
            return part
        named = definitions[part["$ref"].rpartition("/")[2]] if isinstance(part.get("$ref"), str) else {}
        return {key: inlined(value) for key, value in {**named, **part}.items() if key not in ("$ref", "definitions")}

    whole: Object = inlined(schema)
    return whole
