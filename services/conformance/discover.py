"""Finding out what there is to look at: the model, its inputs, and whose contract the server claims to fulfil."""

from typing import Any

import httpx

from services.client.inputs import Inputs, from_metadata
from services.conformance.check import Failed, Level
from services.conformance.http import Http, Reply
from services.conformance.target import Target

NO_INPUTS = Inputs((), batched=False)


class Undiscoverable(Exception):
    """There is nothing to look at, or it cannot be found out what; the message says which option would tell."""


def discover(http: Http, model: str | None, sample: Inputs | None, *, sends_load: bool = True) -> Target:
    """Return what the checks need.

    model: its name; None when the server lists just one. sample: right inputs, for a model whose metadata does not
    say what fits. Raises Undiscoverable.
    """
    try:
        name = model or _only_model(http)
        path = Target(http, name, NO_INPUTS).path
        reply = http.send("GET", path)
    except httpx.HTTPError as error:
        raise Undiscoverable(f"nothing answers at {http.url}: {error}") from error
    inputs = sample or from_metadata(_object(reply).get("inputs"))
    if inputs is None:
        _check_key(reply)
        said = f"{path} answers {reply.status} and does not say what inputs fit"
        raise Undiscoverable(f"{said}; is {name} the model? give a right request by --sample")
    return Target(http, name, inputs, sends_load=sends_load)


def level_of(http: Http) -> Level:
    """Return `trivet` for a server that says that it is one, else `protocol`."""
    return "trivet" if _object(http.send("GET", "/v2")).get("name") == "trivet" else "protocol"


def _only_model(http: Http) -> str:
    reply = http.send("POST", "/v2/repository/index", b"{}")
    _check_key(reply)
    try:
        listed = reply.json()
    except Failed:
        listed = None
    names = {entry.get("name") for entry in listed if isinstance(entry, dict)} if isinstance(listed, list) else set()
    if len(names) != 1:
        raise Undiscoverable(f"the server lists {len(names) or 'no'} models; name one by --model")
    return str(names.pop())


def _check_key(reply: Reply) -> None:
    if reply.status in (401, 403):
        raise Undiscoverable(f"{reply.path} answers {reply.status}: give a key by --key-file")


def _object(reply: Reply) -> dict[str, Any]:
    """Return a JSON object, or an empty one for any other answer."""
    try:
        return reply.object()
    except Failed:
        return {}
