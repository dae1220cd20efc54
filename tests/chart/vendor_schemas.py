"""`python -m tests.chart.vendor_schemas`: writes schemas/ from the sources of Kubernetes and of the operators.

Needs Go, which downloads each project as a module. Descriptions and status fields are left out, and an object takes
only the fields that it names, so that a misspelt one fails.
"""

import json
import re
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import yaml

from tests.chart.schemas import FOLDER

Schema = dict[str, Any]

KUBERNETES = "k8s.io/kubernetes@v1.35.4"
# What charts and prerequisites consist of; every other kind would only make the file larger.
KINDS = {
    "v1": ("ConfigMap", "Namespace", "PersistentVolumeClaim", "Pod", "Secret", "Service", "ServiceAccount"),
    "apps/v1": ("Deployment", "StatefulSet"),
    "autoscaling/v2": ("HorizontalPodAutoscaler",),
    "batch/v1": ("CronJob", "Job"),
    "networking.k8s.io/v1": ("Ingress", "NetworkPolicy"),
    "policy/v1": ("PodDisruptionBudget",),
    "rbac.authorization.k8s.io/v1": ("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"),
    "resource.k8s.io/v1": ("DeviceClass", "ResourceClaimTemplate"),
}
# Fields with few values, which Kubernetes' own description holds in prose only.
VALUES = {
    "imagePullPolicy": ["Always", "IfNotPresent", "Never"],
    "terminationMessagePolicy": ["File", "FallbackToLogsOnError"],
    "unhealthyPodEvictionPolicy": ["AlwaysAllow", "IfHealthyBudget"],
    "whenUnsatisfiable": ["DoNotSchedule", "ScheduleAnyway"],
}
OPERATORS = {
    "kuberay": ("github.com/ray-project/kuberay/ray-operator@v1.6.2", "config/crd/bases/ray.io_rayservices.yaml"),
    "keda": (
        "github.com/kedacore/keda/v2@v2.20.2",
        "config/crd/bases/keda.sh_scaledobjects.yaml",
        "config/crd/bases/keda.sh_triggerauthentications.yaml",
    ),
    "prometheus-operator": (
        "github.com/prometheus-operator/prometheus-operator@v0.85.0",
        "example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml",
        "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
        "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml",
    ),
    "gateway-api": (
        "sigs.k8s.io/gateway-api@v1.3.0",
        "config/crd/standard/gateway.networking.k8s.io_gatewayclasses.yaml",
        "config/crd/standard/gateway.networking.k8s.io_gateways.yaml",
        "config/crd/standard/gateway.networking.k8s.io_httproutes.yaml",
        "config/crd/standard/gateway.networking.k8s.io_referencegrants.yaml",
    ),
}
# What says something about a value. The rest describes, or tells the API server how to merge.
KEPT = {
    "$ref", "additionalProperties", "allOf", "anyOf", "enum", "items", "maxItems", "maxLength", "maxProperties",
    "maximum", "minItems", "minLength", "minProperties", "minimum", "not", "oneOf", "pattern", "properties", "required",
    "type",
}  # fmt: skip
INTEGER_OR_TEXT: Schema = {"type": ["integer", "string"]}
QUANTITY: Schema = {
    "type": ["number", "string"],
    "pattern": r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?$",
}
METADATA = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
_TEXTS: Schema = {"type": "object", "additionalProperties": {"type": "string"}}
CUSTOM_METADATA: Schema = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "namespace": {"type": "string"},
        "labels": _TEXTS,
        "annotations": _TEXTS,
        "finalizers": {"type": "array", "items": {"type": "string"}},
    },
    "additionalProperties": False,
}
# A part that is shorter than this as JSON is written where it is used.
SHARED_CHARACTERS = 160


def kubernetes(folder: Path) -> dict[str, Schema]:
    """Return the definitions of KINDS, and of what they consist of, from Kubernetes' own description of its API."""
    described = json.loads((folder / "api" / "openapi-spec" / "swagger.json").read_text())["definitions"]
    names = {
        "/".join(filter(None, (kind["group"], kind["version"], kind["kind"]))): name
        for name, definition in described.items()
        for kind in definition.get("x-kubernetes-group-version-kind", ())
    }
    wanted = {names[f"{version}/{kind}"]: f"{version}/{kind}" for version, kinds in KINDS.items() for kind in kinds}
    made: dict[str, Schema] = {}
    waiting = [*wanted, METADATA]
    while waiting:
        name = waiting.pop()
        if name not in made:
            made[name] = _closed(described[name], kind=name in wanted)
            waiting += _references(made[name])
    made |= {kind: {"$ref": f"#/definitions/{name}"} for name, kind in wanted.items()}
    made["io.k8s.apimachinery.pkg.api.resource.Quantity"] = QUANTITY
    made["io.k8s.apimachinery.pkg.util.intstr.IntOrString"] = INTEGER_OR_TEXT
    return made


def operator(folder: Path, *files: str) -> dict[str, Schema]:
    """Return the definitions of an operator's kinds; what occurs several times has a definition of its own."""
    made: dict[str, Schema] = {}
    for file in files:
        resource = yaml.load((folder / file).read_text(), yaml.CSafeLoader)["spec"]
        for version in resource["versions"]:
            if version["storage"]:
                name = f"{resource['group']}/{version['name']}/{resource['names']['kind']}"
                made[name] = _closed(version["schema"]["openAPIV3Schema"], kind=True)
                made[name]["properties"]["metadata"] = CUSTOM_METADATA
    return _shared(made)


def _closed(schema: Any, *, kind: bool = False) -> Any:
    """Return what a schema says about values; an object takes no field that is not named. kind: without its status."""
    if not isinstance(schema, dict):
        return schema
    if schema.get("x-kubernetes-int-or-string") or schema.get("format") == "int-or-string":
        return {**INTEGER_OR_TEXT, **{key: schema[key] for key in ("pattern",) if key in schema}}
    made: Schema = {key: value for key, value in schema.items() if key in KEPT}
    # Alternatives (`oneOf` and the like) stay open: none of them names all fields.
    for key in ("items", "additionalProperties"):
        if key in made:
            made[key] = _closed(made[key])
    if "properties" in made:
        made["properties"] = {
            name: _closed(value) | ({"enum": VALUES[name]} if name in VALUES else {})
            for name, value in made["properties"].items()
            if not (kind and name == "status")
        }
        if "additionalProperties" not in made and not schema.get("x-kubernetes-preserve-unknown-fields"):
            made["additionalProperties"] = False
    if schema.get("nullable") and "type" in made:
        made["type"] = [made["type"], "null"]
    return made


def _references(schema: Any) -> list[str]:
    if isinstance(schema, dict):
        here = [schema["$ref"].removeprefix("#/definitions/")] if isinstance(schema.get("$ref"), str) else []
        return here + [name for value in schema.values() for name in _references(value)]
    return [name for value in schema for name in _references(value)] if isinstance(schema, list) else []


def _shared(definitions: dict[str, Schema]) -> dict[str, Schema]:
    """Return the definitions with each part that occurs more than once written once."""
    seen: Counter[str] = Counter()
    names: dict[str, str] = {}
    made: dict[str, Schema] = {}

    def count(part: Any) -> None:
        text = json.dumps(part, sort_keys=True)
        if isinstance(part, dict):
            seen[text] += 1
        if seen[text] <= 1:  # the parts of what was seen were counted with it
            for value in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
                count(value)

    def replace(part: Any, field: str) -> Any:
        if isinstance(part, list):
            return [replace(value, field) for value in part]
        if not isinstance(part, dict):
            return part
        text = json.dumps(part, sort_keys=True)
        inner = {key: replace(value, key if key not in KEPT else field) for key, value in part.items()}
        if seen[text] < 2 or len(text) < SHARED_CHARACTERS or "type" not in part:
            return inner
        if text not in names:
            taken = sum(re.sub(r"-\d+$", "", name) == field for name in names.values())
            names[text] = field if not taken else f"{field}-{taken + 1}"
            made[names[text]] = inner
        return {"$ref": f"#/definitions/{names[text]}"}

    count(definitions)
    for name, definition in definitions.items():
        made[name] = replace(definition, name)
    return made


def _download(module: str) -> Path:
    command = ["go", "mod", "download", "-json", module]
    return Path(json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["Dir"])


def _write(name: str, source: str, definitions: dict[str, Schema]) -> None:
    lines = ",\n".join(
        f"{json.dumps(key)}:{json.dumps(definitions[key], separators=(',', ':'))}" for key in sorted(definitions)
    )
    text = f'{{"$comment":"of {source}, by python -m tests.chart.vendor_schemas","definitions":{{\n{lines}\n}}}}\n'
    (FOLDER / f"{name}.json").write_text(text)


def main() -> None:
    """Write every file of schemas/."""
    _write("kubernetes", KUBERNETES, kubernetes(_download(KUBERNETES)))
    for name, (module, *files) in OPERATORS.items():
        _write(name, module, operator(_download(module), *files))


if __name__ == "__main__":
    main()
