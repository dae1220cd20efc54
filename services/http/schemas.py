"""JSON schemas of the answers, for the OpenAPI document; those of the requests come from the contract's structs."""

from typing import Any

Json = dict[str, Any]


def obj(required: Json, optional: Json | None = None) -> Json:
    """Return the schema of an object with these members and no others."""
    properties = {**required, **(optional or {})}
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


def array(items: Json) -> Json:
    """Return the schema of an array."""
    return {"type": "array", "items": items}


STRING: Json = {"type": "string"}
INTEGER: Json = {"type": "integer"}
FLAG: Json = {"type": "boolean"}
LABEL: Json = {"type": ["string", "number", "boolean"]}
PREDICTION: Json = {"anyOf": [LABEL, array(LABEL)], "description": "One label or number; with several outputs, a list"}
PROBABILITY: Json = {
    "anyOf": [array({"type": "number"}), array(array({"type": "number"}))],
    "description": "In the order of the classes in the model's metadata; absent where the model has none",
}
PARAMETERS: Json = {"type": "object", "additionalProperties": LABEL}
TENSOR: Json = {"name": STRING, "datatype": STRING, "shape": array(INTEGER)}
DURATION = obj({"count": INTEGER, "ns": INTEGER})

ERROR = obj({"error": STRING})
HEALTH = obj({"status": {"enum": ["healthy", "starting", "draining", "failed"]}})
MODEL_READY = obj({"name": STRING, "ready": FLAG})
METADATA = obj(
    {
        "name": STRING,
        "versions": array(STRING),
        "platform": STRING,
        "inputs": array(obj(TENSOR)),
        "outputs": array(obj(TENSOR)),
        "properties": {"type": "object", "additionalProperties": STRING},
    }
)
INFERENCE = obj(
    {
        "model_name": STRING,
        "model_version": STRING,
        "parameters": PARAMETERS,
        "outputs": array(obj(TENSOR, {"data": array(LABEL), "parameters": PARAMETERS})),
    },
    {"id": STRING},
)
STATISTICS = obj({"model_stats": array({"type": "object", "required": ["name", "version", "inference_stats"]})})
MODELS = array(obj({"name": STRING, "state": STRING, "reason": STRING}, {"version": STRING}))

# By the last part of a route's template, for both of those that have a versioned form.
ANSWERS: dict[str, Json] = {
    "/predict": obj({"prediction": PREDICTION}, {"probability": PROBABILITY}),
    "/predict/batch": obj({"predictions": array(PREDICTION)}, {"probabilities": array(PROBABILITY)}),
    "/health": HEALTH,
    "/v2/health/live": obj({"live": FLAG}),
    "/v2/health/ready": obj({"ready": FLAG, "live": FLAG}),
    "/v2": obj({"name": STRING, "version": STRING, "extensions": array(STRING)}),
    "/v2/models/stats": STATISTICS,
    "/v2/models/{model}": METADATA,
    "/v2/models/{model}/infer": INFERENCE,
    "/v2/models/{model}/ready": MODEL_READY,
    "/v2/models/{model}/stats": STATISTICS,
    "/v2/models/{model}/rollback": obj({"name": STRING, "version": STRING, "parameters": PARAMETERS}),
    "/v2/repository/index": MODELS,
    "/v2/repository/models/{model}/load": obj({}),
    "/v2/repository/models/{model}/unload": obj({}),
    "/feedback": obj({"status": STRING}),
}


def answer_of(template: str) -> Json:
    """Return the schema of a route's answer; a versioned route answers as the plain one."""
    plain = template.replace("/versions/{version}", "").rstrip("/") or "/"
    return ANSWERS[plain]
