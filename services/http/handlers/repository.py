"""The model repository extension. Load and unload are for administrators."""

from typing import TypeVar

import msgspec

from services.core.errors import MalformedRequest, NotFound
from services.http.answer import Answer, json_answer
from services.http.exchange import Exchange

T = TypeVar("T")

STATES = {
    "loading": "LOADING",
    "ready": "READY",
    "draining": "UNLOADING",
    "failed": "UNAVAILABLE",
    "unloaded": "UNAVAILABLE",
}


class IndexBody(msgspec.Struct, frozen=True):
    """`ready`: list only the models that can answer."""

    ready: bool = False


class LoadBody(msgspec.Struct, frozen=True):
    """Parameters are accepted, as the protocol wants, and none is used."""

    parameters: dict[str, str | int | float | bool] = {}


async def index(exchange: Exchange) -> Answer:
    """Answer `POST /v2/repository/index`; an empty body is fine."""
    wanted = await _decode(exchange, IndexBody)
    listed = []
    for entry in exchange.server.table.entries():
        if wanted.ready and entry.state != "ready":
            continue
        version = {"version": entry.model.identity.version} if entry.model else {}
        listed.append({"name": entry.name, **version, "state": STATES[entry.state], "reason": entry.reason})
    return json_answer(200, msgspec.json.encode(listed))


async def load(exchange: Exchange) -> Answer:
    """Answer `POST /v2/repository/models/{m}/load`: fetch the model's source again and serve it."""
    exchange.server.keys.check_admin(exchange)
    await _decode(exchange, LoadBody)
    name = exchange.params["model"]
    if name not in {entry.name for entry in exchange.server.table.entries()}:
        raise NotFound(f"there is no model {name!r} here; POST /v2/repository/index lists them")
    await exchange.server.load_model(refresh=True)
    return json_answer(200, b"{}")


async def unload(exchange: Exchange) -> Answer:
    """Answer `POST /v2/repository/models/{m}/unload`."""
    exchange.server.keys.check_admin(exchange)
    await _decode(exchange, LoadBody)
    await exchange.server.table.unload(exchange.params["model"])
    return json_answer(200, b"{}")


async def _decode(exchange: Exchange, shape: type[T]) -> T:
    exchange.check_json()
    body = await exchange.body()
    try:
        return msgspec.json.decode(body or b"{}", type=shape)
    except (ValueError, RecursionError) as error:
        raise MalformedRequest(f"the body does not fit: {error}") from error
