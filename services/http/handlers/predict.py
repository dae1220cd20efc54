"""`/predict` and `/predict/batch`."""

from services.core.answers import encode_row, encode_rows
from services.core.contract import decode_row, decode_rows
from services.core.tensors import size_of
from services.http.answer import Answer
from services.http.exchange import Exchange


async def predict(exchange: Exchange) -> Answer:
    """Answer one row."""
    exchange.check_json()
    server = exchange.server
    exchange.model = server.table.find_default()
    body = await exchange.body()
    exchange.model = model = server.table.find_default()  # another version may have come before the body did
    exchange.inputs = inputs = await server.off_loop(len(body), decode_row, body, model.signature)
    exchange.outcome = outcome = await server.inference.infer(model, inputs, exchange.timeout_seconds())
    return Answer(200, encode_row(outcome.outputs), server.model_headers(model))


async def predict_batch(exchange: Exchange) -> Answer:
    """Answer any number of rows."""
    exchange.check_json()
    server = exchange.server
    exchange.model = server.table.find_default()
    body = await exchange.body()
    exchange.model = model = server.table.find_default()
    exchange.inputs = inputs = await server.off_loop(len(body), decode_rows, body, model.signature)
    exchange.outcome = outcome = await server.inference.infer(model, inputs, exchange.timeout_seconds())
    answer = await server.off_loop(size_of(outcome.outputs), encode_rows, outcome.outputs)
    return Answer(200, answer, server.model_headers(model))
