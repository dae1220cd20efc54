"""The model repository extension, and the way back. Load, unload and rollback are for administrators."""

from typing import TypeVar

import msgspec

from services.core.errors import MalformedRequest
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


class UnloadBody(msgspec.Struct, frozen=True):
    """Parameters are accepted, as the protocol wants; no model here has dependents, of which they could tell."""

    parameters: dict[str, str | int | float | bool] = {}


class LoadBody(msgspec.Struct, frozen=True):
    """What the protocol lets a client say about a load. None is served: the server's settings say what is loaded."""

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
    if (candidate := exchange.server.candidate) is not None:
        listed += [row for row in [candidate.row()] if not wanted.ready or row["state"] == "READY"]
    return json_answer(200, msgspec.json.encode(listed))


async def load(exchange: Exchange) -> Answer:
    """Answer `POST /v2/repository/models/{m}/load`: fetch the model's source again and serve it."""
    exchange.server.keys.check_admin(exchange)
    body = await _decode(exchange, LoadBody)
    if body.parameters:
        raise MalformedRequest(
            f"load takes no parameters here, and {min(body.parameters)!r} was sent: TRIVET_MODEL says what is loaded"
        )
    await exchange.server.followers.load_one(exchange.params["model"])
    return json_answer(200, b"{}")


async def unload(exchange: Exchange) -> Answer:
    """Answer `POST /v2/repository/models/{m}/unload`."""
    exchange.server.keys.check_admin(exchange)
    await _decode(exchange, UnloadBody)
    await exchange.server.table.unload(exchange.params["model"])
    return json_answer(200, b"{}")


async def rollback(exchange: Exchange) -> Answer:
    """Answer `POST /v2/models/{m}/rollback`: this process serves the version before, until the alias moves."""
    exchange.server.keys.check_admin(exchange)
    await _decode(exchange, UnloadBody)
    identity = exchange.server.followers.roll_back(exchange.params["model"]).identity
    served = {"name": identity.name, "version": identity.version, "parameters": {"model_digest": identity.digest}}
    return json_answer(200, msgspec.json.encode(served))


async def _decode(exchange: Exchange, shape: type[T]) -> T:
    exchange.check_json()
    body = await exchange.body()
    try:
        return msgspec.json.decode(body or b"{}", type=shape)
    except (ValueError, RecursionError) as error:
        raise MalformedRequest(f"the body does not fit: {error}") from error
