"""What the server and its models are, and the models' statistics."""

import msgspec

from services.core.errors import NotReady
from services.core.loaded_model import LoadedModel
from services.core.signature import TensorSpec
from services.http.answer import Answer, json_answer
from services.http.exchange import Exchange

SERVER = {"name": "trivet", "extensions": ["binary_tensor_data", "model_repository", "statistics"]}


async def server_metadata(exchange: Exchange) -> Answer:
    """Answer `GET /v2` and `/v2/`."""
    return json_answer(200, msgspec.json.encode({**SERVER, "version": exchange.server.version}))


async def model_metadata(exchange: Exchange) -> Answer:
    """Answer `GET /v2/models/{m}[/versions/{v}]`."""
    model = await present(exchange)
    described = {
        "name": model.identity.name,
        "versions": [version.identity.version for version in _versions(exchange, model)],
        "platform": model.platform,
        "inputs": [_tensor(spec) for spec in model.signature.inputs],
        "outputs": [_tensor(spec) for spec in model.signature.outputs],
        "properties": _properties(model),
    }
    return json_answer(200, msgspec.json.encode(described))


async def model_ready(exchange: Exchange) -> Answer:
    """Answer `GET /v2/models/{m}[/versions/{v}]/ready`."""
    name = exchange.params["model"]
    try:
        find(exchange)
        exchange.server.health.check_not_draining()
    except NotReady:
        return json_answer(503, msgspec.json.encode({"name": name, "ready": False}))
    return json_answer(200, msgspec.json.encode({"name": name, "ready": True}))


async def statistics(exchange: Exchange) -> Answer:
    """Answer `GET /v2/models/stats` and `/v2/models/{m}[/versions/{v}]/stats`."""
    if "version" in exchange.params:
        models = [find(exchange)]
    else:
        named = [find(exchange)] if "model" in exchange.params else _served(exchange)
        models = [version for model in named for version in _versions(exchange, model)]
    stats = [
        {**model.statistics.described(), "name": model.identity.name, "version": model.identity.version}
        for model in models
    ]
    return json_answer(200, msgspec.json.encode({"model_stats": stats}))


def find(exchange: Exchange) -> LoadedModel:
    """Return the model that the path names."""
    exchange.model_name = exchange.params["model"]
    table = exchange.server.table if exchange.server.canary is None else exchange.server.canary
    exchange.model = table.find(exchange.params["model"], exchange.params.get("version"))
    return exchange.model


async def present(exchange: Exchange) -> LoadedModel:
    """Return the model that the path names; one that was evicted is loaded again first."""
    try:
        return find(exchange)
    except NotReady as error:
        await exchange.come_back(exchange.params["model"], error)
    return find(exchange)


def _served(exchange: Exchange) -> list[LoadedModel]:
    return [entry.model for entry in exchange.server.table.entries() if entry.model is not None]


def _versions(exchange: Exchange, model: LoadedModel) -> list[LoadedModel]:
    """Return the versions of a model that can be asked for."""
    canary = exchange.server.canary
    return [model] if canary is None else canary.versions(model.identity.name)


def _tensor(spec: TensorSpec) -> dict[str, object]:
    return {"name": spec.name, "datatype": spec.datatype, "shape": spec.shape}


def _properties(model: LoadedModel) -> dict[str, str]:
    """Return what clients need besides shapes; the protocol's properties are strings, so lists are JSON text."""
    signature = model.signature
    properties = {"model_digest": model.identity.digest, "runtime": model.compiled.manifest.runtime}
    missing = [spec.name for spec in signature.inputs if spec.missing]
    if missing:
        properties["missing"] = msgspec.json.encode(missing).decode()
    if signature.columns:
        properties["columns"] = msgspec.json.encode(signature.columns).decode()
    classes = {spec.name: spec.classes for spec in signature.outputs if spec.classes is not None}
    if labels := classes.get("probability") or classes.get("prediction"):
        properties["classes"] = msgspec.json.encode(labels).decode()
    for name, listed in classes.items():
        if name.startswith("probability_"):
            properties[f"classes_{name}"] = msgspec.json.encode(listed).decode()
    return properties
