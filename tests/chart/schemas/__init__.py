"""What Kubernetes 1.35 and the operators take: their schemas, closed, and the check of an object against them."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator

FOLDER = Path(__file__).parent


def problems(found: dict[str, Any]) -> list[str]:
    """Return what is wrong with an object: fields that its kind does not have, and values of the wrong type."""
    validator = _validators().get(f"{found['apiVersion']}/{found['kind']}")
    if validator is None:
        return [f"no schema for {found['apiVersion']} {found['kind']}: name it in tests/chart/vendor_schemas.py"]
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(found)]


@cache
def _validators() -> dict[str, Draft7Validator]:
    files = [json.loads(file.read_text()) for file in sorted(FOLDER.glob("*.json"))]
    return {
        kind: Draft7Validator({"$ref": f"#/definitions/{kind.replace('/', '~1')}", **file})
        for file in files
        for kind in file["definitions"]
        if "/" in kind
    }
