"""Kubernetes objects in manifests, and what several kinds of autoscalers need to know of them."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec
import yaml
from msgspec import Struct

from services.simulate import forecast
from services.simulate.forecast import Forecast
from services.simulate.hpa_spec import Signal
from services.simulate.quantity import quantity
from services.simulate.trace import Unreadable

# Some ten thousand objects.
MAX_MANIFEST_BYTES = 16 * 2**20
# A trace begins on a Monday at midnight where cron triggers ask and nothing else is said.
MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
_IN_FLIGHT = re.compile(r"in[-_]?flight", re.IGNORECASE)
# What looks ahead in another way is not the work in flight that it is made of.
_AHEAD = re.compile(r"forecast|predict_linear|deriv|offset", re.IGNORECASE)

Fields = TypeVar("Fields")
Object = dict[str, Any]


class Asked(Struct, frozen=True):
    """What the command line says of a manifest. signals: what metrics measure, by their names."""

    name: str | None = None
    signals: Mapping[str, Signal] = {}
    begins: datetime = MONDAY


def load(text: str) -> list[Object]:
    """Read YAML or JSON with any number of objects and lists of them. Raises Unreadable."""
    if len(text) > MAX_MANIFEST_BYTES:
        raise Unreadable(f"the manifest is larger than {MAX_MANIFEST_BYTES:,} bytes")
    try:
        found = list(_flat(yaml.load_all(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise Unreadable(f"the manifest is no YAML: {' '.join(str(error).split())}") from error
    if not found:
        raise Unreadable("the manifest holds no object; what `helm template` prints was expected")
    return found


def fields(given: object, wanted: type[Fields]) -> Fields:
    """Return the fields that are known of an object. Raises msgspec.ValidationError."""
    return msgspec.convert(given, wanted, strict=True)


def name_of(one: Object) -> str:
    """Return an object's name."""
    metadata = one.get("metadata")
    return str(metadata.get("name", "?")) if isinstance(metadata, dict) else "?"


def signal_of(name: str, text: str, asked: Asked) -> Signal | Forecast:
    """Return what a metric measures. text: its query, or its name. Raises ValueError."""
    if name in asked.signals:
        return asked.signals[name]
    if (looks_ahead := forecast.read(text)) is not None:
        return looks_ahead
    if _IN_FLIGHT.search(f"{name} {text}") and not _AHEAD.search(f"{name} {text}"):
        return Signal.IN_FLIGHT
    choices = ", ".join(signal.value for signal in Signal)
    raise ValueError(f"what does {name} measure? Say it by --signal {name}=… with one of {choices}")


def cpu_of(objects: list[Object], target: str, container: str | None) -> tuple[int, float | None]:
    """Return what a pod of a workload, or its container, requests in thousandths of a core, and its limit in cores."""
    for one in objects:
        if one["kind"] in ("Deployment", "StatefulSet", "ReplicaSet") and name_of(one) == target:
            containers = fields(one.get("spec"), Workload).template.spec.containers
            chosen = [each for each in containers if container in (None, each.name)]
            requests = [each.resources.requests.get("cpu") for each in chosen]
            limits = [each.resources.limits.get("cpu") for each in chosen]
            if not chosen or None in requests:
                raise ValueError(
                    f"{target} requests no CPU for {container or 'all containers'}, and a target is in percent of it"
                )
            request_milli = round(sum(quantity(each) for each in requests if each is not None) * 1000)
            if request_milli < 1:
                raise ValueError(f"{target} requests no CPU, and a target is in percent of it")
            known = [quantity(each) for each in limits if each is not None]
            return request_milli, sum(known) if len(known) == len(chosen) else None
    raise ValueError(f"the manifest holds no Deployment {target}, of whose CPU request a target is in percent")


class _Resources(Struct, frozen=True):
    requests: dict[str, str | float] = {}
    limits: dict[str, str | float] = {}


class _Container(Struct, frozen=True):
    name: str = ""
    resources: _Resources = _Resources()


class _Pod(Struct, frozen=True):
    containers: tuple[_Container, ...] = ()


class _Template(Struct, frozen=True):
    spec: _Pod = _Pod()


class Workload(Struct, frozen=True):
    """What a Deployment says of its replicas and their containers."""

    replicas: int = 1
    template: _Template = _Template()


def _flat(documents: Iterator[object]) -> Iterator[Object]:
    for document in documents:
        if document is None:
            continue
        if not isinstance(document, dict) or not isinstance(document.get("kind"), str):
            raise ValueError("an object without a kind")
        items = document.get("items")
        if document["kind"].endswith("List") and isinstance(items, list):
            yield from _flat(iter(items))
        else:
            yield document
