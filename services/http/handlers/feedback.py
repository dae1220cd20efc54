"""`POST /feedback`: ground truth for the prediction log."""

from typing import Any

import msgspec

from services.core.errors import MalformedRequest, NotFound, UnfitInput
from services.http.answer import Answer, json_answer
from services.http.exchange import Exchange


class FeedbackBody(msgspec.Struct, frozen=True):
    """request_id: the X-Request-Id of the prediction. truth: what was right, in the form of its prediction."""

    request_id: str
    truth: Any


async def feedback(exchange: Exchange) -> Answer:
    """Accept one ground truth; it is written with the prediction log."""
    exchange.check_json()
    log = exchange.server.prediction_log
    if log is None:
        raise NotFound("the prediction log is off (TRIVET_DATABASE_URL), so there is nothing to give feedback on")
    message = _decode(await exchange.body())
    log.put_feedback(message.request_id, message.truth)
    return json_answer(202, b'{"status":"accepted"}')


def _decode(body: bytes) -> FeedbackBody:
    try:
        message = msgspec.json.decode(body, type=FeedbackBody)
    except msgspec.ValidationError as error:
        raise UnfitInput(f"the body does not fit: {error}") from error
    except (ValueError, RecursionError) as error:
        raise MalformedRequest(f"the body is not JSON: {error}") from error
    if message.truth is None:
        raise UnfitInput("truth is null; the value that was right was expected")
    return message
