"""The autoscaler in rendered manifests, as `helm template` and `kubectl get -o yaml` print them."""

import msgspec
from msgspec import Struct

from services.simulate import hpa_manifest, keda_manifest, ray_manifest
from services.simulate.hpa import HpaScaler
from services.simulate.hpa_spec import Hpa
from services.simulate.keda import KedaScaler
from services.simulate.keda_spec import Keda
from services.simulate.objects import Asked, Object, Workload, fields, name_of
from services.simulate.ray import RayScaler, RayServe
from services.simulate.trace import Unreadable
from services.simulate.world import Fixed, Scaler

KINDS = ("HorizontalPodAutoscaler", "ScaledObject", "RayService")


class Found(Struct, frozen=True):
    """An autoscaler. spec: a whole number where there is none. cpu_limit: of a pod, in cores."""

    name: str
    kind: str
    spec: Hpa | Keda | RayServe | int
    cpu_limit: float | None = None

    def scaler(self) -> Scaler:
        """Return it, with nothing in its memory."""
        if isinstance(self.spec, Keda):
            return KedaScaler(self.spec)
        if isinstance(self.spec, Hpa):
            return HpaScaler(self.spec)
        return RayScaler(self.spec) if isinstance(self.spec, RayServe) else Fixed(self.spec)


def find(objects: list[Object], asked: Asked) -> Found:
    """Return the only autoscaler, or the one of a name; where there is none, a Deployment. Raises Unreadable."""
    scalers = [one for one in objects if one["kind"] in KINDS and not _is_kedas(one)]
    one = _only(scalers or [one for one in objects if one["kind"] == "Deployment"], asked.name)
    kind, name = one["kind"], name_of(one)
    limit = None
    spec: Hpa | Keda | RayServe | int
    try:
        if kind == "HorizontalPodAutoscaler":
            spec, limit = hpa_manifest.read(one, objects, asked)
        elif kind == "ScaledObject":
            spec, limit = keda_manifest.read(one, objects, asked)
        elif kind == "RayService":
            spec = ray_manifest.read(one)
        else:
            spec = fields(one.get("spec"), Workload).replicas
    except (msgspec.ValidationError, ValueError) as error:
        raise Unreadable(f"{kind} {name}: {error}") from error
    return Found(name, f"{kind} without autoscaler" if isinstance(spec, int) else kind, spec, limit)


def _is_kedas(one: Object) -> bool:
    """Whether KEDA made this HPA, which the ScaledObject describes better."""
    metadata = one.get("metadata")
    owners = metadata.get("ownerReferences") if isinstance(metadata, dict) else None
    return isinstance(owners, list) and any(isinstance(o, dict) and o.get("kind") == "ScaledObject" for o in owners)


def _only(candidates: list[Object], name: str | None) -> Object:
    chosen = [one for one in candidates if name in (None, name_of(one))]
    if len(chosen) == 1:
        return chosen[0]
    there = ", ".join(sorted(name_of(one) for one in candidates)) or "none"
    wanted = f"named {name}" if name else "to choose; say which by --name"
    raise Unreadable(f"{len(chosen)} autoscalers {wanted}; in the manifest: {there}")
