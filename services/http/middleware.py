"""The outermost layer: id, clock, keys, errors, metrics and logs around every request; pure ASGI.

The hot routes are answered right here, past FastAPI's own layers, which cost as much as an inference.
"""

import logging
import time
from time import perf_counter

from services.core.errors import RuntimeFailed, TrivetError
from services.core.logs import RequestLog
from services.http.answer import CLOSE, WHOLE_ANSWER, Answer, Header
from services.http.errors import answer_of, error_answer
from services.http.exchange import Exchange
from services.http.routes import EXCHANGE, LOGGED, find_hot
from services.http.server import Server
from services.http.types import ASGIApp, Message, Receive, Scope, Send
from services.prediction_log.record import Record

INTERNAL_ERROR = "the server failed on this request; its log says why"
UNKNOWN_MODEL = "unknown"
UNKNOWN_ROUTE = "unknown"

logger = logging.getLogger("trivet.server")


class ContractMiddleware:
    """Wraps FastAPI's whole stack."""

    def __init__(self, app: ASGIApp, server: Server) -> None:
        self._app = app
        self._server = server
        self._request_log = RequestLog()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = Exchange(self._server, scope, receive)
        try:
            if self._server.keys.required:
                self._server.keys.check(exchange)
            exchange.handler = find_hot(exchange)
            if exchange.handler is None:
                status = await self._route(exchange, scope, send)
                if exchange.handler is None:
                    self._finish(exchange, status)
                    return
            answer = await exchange.handler(exchange)
        except TrivetError as error:
            answer = answer_of(error)
            if isinstance(error, RuntimeFailed):
                logger.error("inference failed", extra=_who(exchange), exc_info=error)
        except Exception:
            logger.exception("request failed", extra=_who(exchange))
            answer = error_answer(500, INTERNAL_ERROR)
        await self._send(exchange, answer, scope, send)
        self._finish(exchange, answer.status)

    async def _send(self, exchange: Exchange, answer: Answer, scope: Scope, send: Send) -> None:
        own: tuple[Header, ...] = (
            (b"content-length", b"%d" % len(answer.body)),
            (b"x-request-id", exchange.request_id),
        )
        if self._server.health.status == "draining":
            own += (CLOSE,)
        elif (whole := scope.get("extensions", {}).get(WHOLE_ANSWER)) and whole["write"](send, answer, own):
            return
        await send({"type": "http.response.start", "status": answer.status, "headers": [*answer.headers, *own]})
        await send({"type": "http.response.body", "body": answer.body})

    async def _route(self, exchange: Exchange, scope: Scope, send: Send) -> int:
        """Let FastAPI find the route. What is not the contract's (the docs, a 404, a user's own) it answers itself."""
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", exchange.request_id)]
            await send(message)

        scope[EXCHANGE] = exchange
        try:
            await self._app(scope, exchange.receive, send_with_id)
        except Exception:
            if not status:
                raise
            logger.exception("request failed", extra=_who(exchange))  # Starlette answers a failure, then raises it
        return status

    def _finish(self, exchange: Exchange, status: int) -> None:
        server, model, outcome = self._server, exchange.model, exchange.outcome
        seconds = perf_counter() - exchange.started
        if model is not None:
            name, version, digest = model.identity.name, model.identity.version, model.identity.digest
        else:
            name, version, digest = self._name_of(exchange), "", None
        route, now = exchange.route or UNKNOWN_ROUTE, time.time()
        server.metrics.answered(name, version, route, str(status), seconds)
        if self._request_log.enabled:
            about = (route, name, version, exchange.caller)
            self._request_log.write(now, exchange.request_id, about, status, seconds)
        if server.prediction_log is not None and route in LOGGED:
            server.prediction_log.put(
                Record(
                    at=now,
                    request_id=exchange.request_id.decode("latin-1"),
                    engine=server.metrics.engine,
                    model=name,
                    version=version or None,
                    digest=digest,
                    route=route,
                    code=status,
                    duration_seconds=seconds,
                    inputs=exchange.inputs,
                    outputs=outcome.outputs if outcome else None,
                    queue_seconds=outcome.queue_seconds if outcome else None,
                    compute_seconds=outcome.compute_seconds if outcome else None,
                )
            )

    def _name_of(self, exchange: Exchange) -> str:
        """Return the model's label of a request that got no model; names that clients make up stay out of metrics."""
        if exchange.route in LOGGED or exchange.model_name:
            known = {entry.name for entry in self._server.table.entries()}
            return exchange.model_name if exchange.model_name in known else UNKNOWN_MODEL
        return ""


def _who(exchange: Exchange) -> dict[str, str]:
    return {"request_id": exchange.request_id.decode("latin-1"), "route": exchange.route}
