"""The OpenAPI document, made of the URL map, the contract's structs and a model that is served now."""

from typing import Any

import msgspec

from services import __version__
from services.core.contract import InferBody
from services.core.errors import NotFound, NotReady
from services.core.loaded_model import LoadedModel
from services.core.signature import Signature, TensorSpec
from services.http.errors import STATUS
from services.http.handlers import infer
from services.http.handlers.feedback import FeedbackBody
from services.http.handlers.repository import IndexBody, LoadBody, UnloadBody
from services.http.routes import HOT, OTHERS, Path
from services.http.schemas import ERROR, Json, answer_of
from services.http.server import Server

MODEL_NAME = "iris-classifier"
REF = "#/components/schemas/{name}"
# What any inference may be refused with, and what any route may.
INFERENCE_ERRORS = (400, 401, 404, 405, 408, 413, 415, 422, 429, 500, 503, 504)
OTHER_ERRORS = (400, 401, 403, 404, 405, 408, 413, 415, 422, 503)
REASONS = {405: "The method is not answered; see Allow", 431: "The headers are too large"}


def document(server: Server) -> Json:
    """Return the document. Its examples are rows of a served model's sample, so that they run.

    The model is that of `/predict` or, where nothing says which, the first that is served; `/predict` then has none.
    """
    default = _default(server)
    served = default or next((entry.model for entry in server.table.entries() if entry.model), None)
    bodies = _bodies(served, default)
    structs = [InferBody, FeedbackBody, IndexBody, LoadBody, UnloadBody]
    _, components = msgspec.json.schema_components(structs, ref_template=REF)
    components["Error"] = ERROR
    for component in components.values():
        for member in component["properties"].values():
            if member.get("default", "") is None:
                del member["default"]  # null there says no more than absent, and no answer holds a null
    paths: dict[str, Json] = {}
    for path in (*HOT, *OTHERS):
        paths.setdefault(path.template, {})[path.method.lower()] = _operation(
            path, bodies.get(path.template), served.identity.name if served else MODEL_NAME
        )
    return {
        "openapi": "3.1.0",
        "info": {"title": "Trivet", "version": __version__, "description": "Models behind one contract."},
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
        },
        "security": [{}, {"key": []}, {"bearer": []}],
    }


def _default(server: Server) -> LoadedModel | None:
    try:
        return server.table.find_default()
    except (NotReady, NotFound):
        return None


def _described(model: LoadedModel | None) -> tuple[Signature | None, dict[str, list[Any]]]:
    if model is None:
        return None, {}
    return model.signature, _without_gaps(model.signature, model.compiled.manifest.sample)


def _without_gaps(signature: Signature, sample: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Return the sample's rows in which nothing is missing, all when there is none: no answer should hold a null."""
    rows = list(zip(*sample.values(), strict=True)) if signature.batched else []
    whole = [row for row in rows if not _lacks(row)]
    return dict(zip(sample, map(list, zip(*whole, strict=True)), strict=True)) if whole else sample


def _lacks(value: Any) -> bool:
    return any(map(_lacks, value)) if isinstance(value, list | tuple) else value is None


def _operation(path: Path, body: Json | None, name: str) -> Json:
    hot = path in HOT
    operation: Json = {
        "summary": (path.handler.__doc__ or "").split("\n")[0].replace("`", "").rstrip("."),
        "operationId": f"{path.method.lower()}{path.template.replace('/', '_').replace('{', '').replace('}', '')}",
        "tags": [path.template.split("/")[1].split("{")[0] if not hot else "inference"],
        "parameters": [
            {"name": part, "in": "path", "required": True, "schema": {"type": "string"}, "example": value}
            for part, value in (("model", name), ("version", "1"))
            if f"{{{part}}}" in path.template
        ],
        "responses": _responses(path, hot=hot),
    }
    if body is not None:
        operation["requestBody"] = body
    return operation


def _responses(path: Path, *, hot: bool) -> Json:
    success = "202" if path.template == "/feedback" else "200"
    if path.template == "/metrics":
        answered: Json = {"text/plain": {"schema": {"type": "string"}}}
    else:
        answered = {"application/json": {"schema": answer_of(path.template)}}
    if path.handler is infer.infer:
        answered["application/octet-stream"] = {"schema": {"type": "string", "format": "binary"}}
    responses: Json = {success: {"description": "Answered", "content": answered}}
    reasons = {status: (kind.__doc__ or "").split("\n")[0] for kind, status in STATUS.items()} | REASONS
    for status in INFERENCE_ERRORS if hot else OTHER_ERRORS:
        schema = answer_of(path.template) if _is_health(path, status) else {"$ref": REF.format(name="Error")}
        responses[str(status)] = {"description": reasons[status], "content": {"application/json": {"schema": schema}}}
    return responses


def _is_health(path: Path, status: int) -> bool:
    """A probe that is told no gets the shape that it gets when it is told yes."""
    return status == 503 and path.template.endswith(("/health", "/live", "/ready"))


def _bodies(served: LoadedModel | None, default: LoadedModel | None) -> dict[str, Json]:
    bodies = {
        "/feedback": _body({"$ref": REF.format(name="FeedbackBody")}, {"request_id": "the X-Request-Id", "truth": 0}),
        "/v2/repository/index": _body({"$ref": REF.format(name="IndexBody")}, {}, required=False),
    }
    repository = "/v2/repository/models/{model}"
    for template, name in (
        (f"{repository}/load", "LoadBody"),
        (f"{repository}/unload", "UnloadBody"),
        ("/v2/models/{model}/rollback", "UnloadBody"),
    ):
        bodies[template] = _body({"$ref": REF.format(name=name)}, {}, required=False)
    infer_example: Json = {"inputs": []}
    signature, sample = _described(served)
    if signature is not None:
        infer_example = {"inputs": [_v2_input(spec, sample[spec.name][:2]) for spec in signature.inputs]}
    for path in HOT[2:]:
        bodies[path.template] = _body({"$ref": REF.format(name="InferBody")}, infer_example)
    signature, sample = _described(default)
    row, rows = _row_schema(signature), _sample_rows(signature, sample)
    bodies["/predict"] = _body(_object("features", row), {"features": rows[0] if rows else []})
    batch = {"type": "array", "items": row, "minItems": 1}
    bodies["/predict/batch"] = _body(_object("inputs", batch), {"inputs": rows[:2]})
    return bodies


def _body(schema: Json, example: Json, *, required: bool = True) -> Json:
    return {"required": required, "content": {"application/json": {"schema": schema, "example": example}}}


def _object(name: str, schema: Json) -> Json:
    return {"type": "object", "properties": {name: schema}, "required": [name]}


def _row_schema(signature: Signature | None) -> Json:
    if signature is None:
        return {"type": ["array", "object"]}
    if signature.is_matrix:
        spec = signature.inputs[0]
        width = {"minItems": spec.shape[1], "maxItems": spec.shape[1]} if spec.shape[1] > 0 else {}
        return {"type": "array", "items": _value_schema(spec), **width}
    properties = {spec.name: _value_schema(spec) for spec in signature.inputs}
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _value_schema(spec: TensorSpec) -> Json:
    if spec.datatype == "BYTES":
        return {"type": "string"}
    if spec.datatype == "BOOL":
        return {"type": "boolean"}
    if not spec.datatype.startswith("FP"):
        return {"type": "integer"}
    bounds = {"minimum": -spec.limit, "maximum": spec.limit}
    return {"type": ["number", "null"] if spec.missing else "number", **bounds}


def _sample_rows(signature: Signature | None, sample: dict[str, list[Any]]) -> list[Any]:
    if signature is None or not signature.batched:
        return []
    if signature.is_matrix:
        return sample[signature.inputs[0].name]
    columns = [[cell[0] if isinstance(cell, list) else cell for cell in sample[spec.name]] for spec in signature.inputs]
    return [dict(zip((spec.name for spec in signature.inputs), row, strict=True)) for row in zip(*columns, strict=True)]


def _v2_input(spec: TensorSpec, values: list[Any]) -> Json:
    shape = [len(values), *spec.shape[1:]]
    return {"name": spec.name, "shape": shape, "datatype": spec.datatype, "data": values}
