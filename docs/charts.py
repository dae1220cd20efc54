"""What is generated in helm/: the tables of values in the READMEs, and the settings in the schemas."""

import json
import re
from pathlib import Path
from typing import Any

import yaml

from services.core.settings import Settings

HELM = Path(__file__).parents[1] / "helm"
WIDTH = 120
# Settings that a chart sets by itself, or takes under another name.
ELSEWHERE = {
    "model": "model.uri",
    "tracking_uri": "registry.trackingUri",
    "tracking_token": "registry.tokenSecret",
    "tracking_username": "extraEnv, from a Secret",
    "tracking_password": "extraEnv, from a Secret",
    "drain_wait_seconds": "drain.waitSeconds",
    "drain_timeout_seconds": "drain.timeoutSeconds",
    "database_url_file": "secrets.databaseUrl",
    "api_keys_file": "secrets.apiKeys",
    "admin_keys_file": "secrets.adminKeys",
}
OF_THE_CHART = (
    "host",
    "port",
    "home",
    "metrics_folder",
    "bentoml_home",
    "bento",
    "ray_address",
    "ray_proxy",
    "termination_log",
)
VALUES_HEADING = "## Values\n"
BOUNDS = {"minimum": "at least {}", "exclusiveMinimum": "above {}", "maximum": "at most {}"}

Schema = dict[str, Any]


def pages() -> dict[Path, str]:
    """Return what each generated file of helm/ should hold, in the order in which they depend on each other."""
    made: dict[Path, str] = {}
    for file in sorted(HELM.glob("*/values.schema.json")):
        schema = json.loads(file.read_text())
        if "settings" in schema["properties"]:
            schema["definitions"]["settings"] = settings_schema(schema["properties"])
        made[file] = laid_out(schema) + "\n"
        readme = file.with_name("README.md")
        values = yaml.safe_load(file.with_name("values.yaml").read_text())
        made[readme] = readme.read_text().partition(VALUES_HEADING)[0] + _values(schema, values)
    return made


def settings_schema(values: Schema) -> Schema:
    """Return the JSON schema of the settings that are set by their own names, closed. values: the chart's, described.

    A place that the chart does not have is not named: there its own values decide.
    """
    described = Settings.model_json_schema(by_alias=False)["properties"]
    taken = {*ELSEWHERE, *OF_THE_CHART}
    elsewhere = ", ".join(f"{name} ({place})" for name, place in ELSEWHERE.items() if _is_value(place, values))
    return {
        "$comment": "Written by make render from services/core/settings.py.",
        "description": "Settings of the server by the names of docs/settings.md, in lower case without TRIVET_. "
        f"Values of their own are {elsewhere}; the chart's are {', '.join(OF_THE_CHART)}.",
        "type": "object",
        "properties": {name: _setting(field) for name, field in described.items() if name not in taken},
        "additionalProperties": False,
    }


def _is_value(place: str, values: Schema) -> bool:
    group, _, name = place.partition(".")
    return not name or name in values.get(group, {}).get("properties", {})


def laid_out(value: Any, depth: int = 0) -> str:
    """Return JSON, indented by two spaces, with what fits on a line on one line."""
    line = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or not value or len(line) + 2 * depth < WIDTH:
        return line
    inner, outer = "  " * (depth + 1), "  " * depth
    if isinstance(value, list):
        return "[\n" + ",\n".join(inner + laid_out(item, depth + 1) for item in value) + f"\n{outer}]"
    lines = (f"{inner}{json.dumps(key)}: {laid_out(item, depth + 1)}" for key, item in value.items())
    return "{\n" + ",\n".join(lines) + f"\n{outer}}}"


def _setting(field: Schema) -> Schema:
    made = {key: value for key, value in field.items() if key not in ("title", "default", "format")}
    made["description"] = " ".join(field["description"].split())
    return made


def _values(schema: Schema, values: dict[str, Any]) -> str:
    rows = "\n".join(_rows(schema, schema.get("definitions", {}), values, ""))
    return f"""{VALUES_HEADING}
Written by `make render` from `values.schema.json` and `values.yaml`. A value that is not here is refused.

| value | default | meaning |
| --- | --- | --- |
{rows}
"""


def _rows(schema: Schema, definitions: Schema, values: dict[str, Any], prefix: str) -> list[str]:
    """Return a row for each value. What the schema describes in place is taken apart, a definition is one value."""
    rows = []
    for name, described in schema["properties"].items():
        if "properties" in described:
            rows += _rows(described, definitions, values[name], f"{prefix}{name}.")
        else:
            default = json.dumps(values[name]) if isinstance(values[name], str) else _flow(values[name])
            meaning = _meaning({**definitions.get(described.get("$ref", "").rpartition("/")[2], {}), **described})
            rows.append(f"| `{prefix}{name}` | `{default}` | {meaning} |")
    return rows


def _flow(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000, sort_keys=False)
    return text.removesuffix("\n...\n").strip()


def _meaning(described: Schema) -> str:
    facts = ["one of " + ", ".join(f"`{value}`" for value in described["enum"])] if "enum" in described else []
    facts += [words.format(described[key]) for key, words in BOUNDS.items() if key in described]
    text = re.sub(r"\s+", " ", described["description"]).replace("|", "\\|")
    return f"{text} ({'; '.join(facts)})" if facts else text
