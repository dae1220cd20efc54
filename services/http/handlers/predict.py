"""`/predict` and `/predict/batch`."""

from services.core.answers import encode_row, encode_rows
from services.core.errors import NotReady
from services.core.loaded_model import LoadedModel
from services.core.predict_body import decode_row, decode_rows
from services.core.tensors import size_of
from services.http.answer import Answer
from services.http.exchange import Exchange


async def predict(exchange: Exchange) -> Answer:
    """Answer one row."""
    exchange.check_json()
    server = exchange.server
    await _present(exchange)
    body = await exchange.body()
    model = await _present(exchange)  # another version may have come before the body did
    server.inference.check_room(model, len(body))
    exchange.inputs = inputs = await server.off_loop(len(body), decode_row, body, model.signature)
    exchange.outcome = outcome = await server.inference.infer(model, inputs, exchange.timeout_seconds(), len(body))
    return Answer(200, encode_row(outcome.outputs), server.model_headers(model))


async def predict_batch(exchange: Exchange) -> Answer:
    """Answer any number of rows."""
    exchange.check_json()
    server = exchange.server
    await _present(exchange)
    body = await exchange.body()
    model = await _present(exchange)
    server.inference.check_room(model, len(body))
    exchange.inputs = inputs = await server.off_loop(len(body), decode_rows, body, model.signature)
    exchange.outcome = outcome = await server.inference.infer(model, inputs, exchange.timeout_seconds(), len(body))
    answer = await server.off_loop(size_of(outcome.outputs), encode_rows, outcome.outputs)
    return Answer(200, answer, server.model_headers(model))


async def _present(exchange: Exchange) -> LoadedModel:
    """Return the model of these routes; or its canary; one that was evicted is loaded again first."""
    table = exchange.server.table
    try:
        exchange.model = model = table.find_default()
    except NotReady as error:
        await exchange.come_back(table.default_name(), error)
        exchange.model = model = table.find_default()
    if exchange.server.canary is not None:
        exchange.model = model = exchange.server.canary.pick(model, exchange.headers)
    return model
