"""The Open Inference Protocol's inference, JSON and binary."""

from services.core.answers import encode_infer
from services.core.contract import InferRequest, decode_infer
from services.core.errors import MalformedRequest, UnfitInput
from services.core.jobs import Outcome
from services.core.loaded_model import LoadedModel
from services.core.tensors import Tensors, size_of
from services.http.answer import BINARY, JSON, Answer
from services.http.errors import UnsupportedMedia
from services.http.exchange import Exchange
from services.http.handlers.metadata import present


async def infer(exchange: Exchange) -> Answer:
    """Answer `POST /v2/models/{m}[/versions/{v}]/infer`."""
    json_bytes = _json_bytes(exchange)
    await present(exchange)
    body = await exchange.body()
    try:
        model, request = await _decode(exchange, body, json_bytes)
        exchange.outcome = outcome = await _run(exchange, model, request, len(body))
    except UnfitInput as error:  # the protocol knows one status for all that is wrong with a body
        raise MalformedRequest(error.message) from error
    return await _encode(exchange, request, outcome.outputs, model)


async def _decode(exchange: Exchange, body: bytes, json_bytes: int | None) -> tuple[LoadedModel, InferRequest]:
    model = await present(exchange)  # another version may have come before the body did
    if exchange.server.canary is not None and "version" not in exchange.params:
        exchange.model = model = exchange.server.canary.pick(model, exchange.headers)
    exchange.server.inference.check_room(model, len(body))
    request = await exchange.server.off_loop(len(body), decode_infer, body, json_bytes, model.signature)
    exchange.inputs = request.tensors
    return model, request


async def _run(exchange: Exchange, model: LoadedModel, request: InferRequest, body_bytes: int) -> Outcome:
    timeout_seconds = exchange.timeout_seconds(request.timeout_seconds)
    return await exchange.server.inference.infer(model, request.tensors, timeout_seconds, body_bytes)


async def _encode(exchange: Exchange, request: InferRequest, outputs: Tensors, model: LoadedModel) -> Answer:
    server = exchange.server
    size = size_of(outputs)
    answer, json_size = await server.off_loop(size, encode_infer, model.v2_head, request, outputs)
    if json_size is None:
        return Answer(200, answer, (JSON,))
    return Answer(200, answer, (BINARY, (b"inference-header-content-length", b"%d" % json_size)))


def _json_bytes(exchange: Exchange) -> int | None:
    declared = exchange.headers.get(b"inference-header-content-length")
    if declared is None:
        if _kind(exchange) == b"application/octet-stream":
            raise MalformedRequest("a binary body needs the header Inference-Header-Content-Length")
        exchange.check_json()
        return None
    if not declared.isdigit() or len(declared) > MAX_LENGTH_DIGITS:
        raise MalformedRequest("the header Inference-Header-Content-Length must be a whole number of bytes")
    if _kind(exchange) not in BINARY_TYPES:
        raise UnsupportedMedia("a binary body has the content type application/octet-stream, or none")
    return int(declared)


def _kind(exchange: Exchange) -> bytes:
    return exchange.headers.get(b"content-type", b"").partition(b";")[0].strip().lower()


# No body has a length of more digits, and Python takes a long time over very many.
MAX_LENGTH_DIGITS = 18
BINARY_TYPES = frozenset({b"", b"application/octet-stream", b"application/json"})
