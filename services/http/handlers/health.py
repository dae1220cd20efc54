"""Health: what probes and load balancers ask. Saturation never changes these answers."""

from prometheus_client import CONTENT_TYPE_LATEST

from services.http.answer import Answer, json_answer
from services.http.exchange import Exchange


async def health(exchange: Exchange) -> Answer:
    """Answer `GET /health`."""
    status = exchange.server.health.status
    return json_answer(200 if status == "healthy" else 503, b'{"status":"%s"}' % status.encode())


async def live(exchange: Exchange) -> Answer:  # noqa: ARG001 - whoever can answer lives
    """Answer `GET /v2/health/live`."""
    return json_answer(200, b'{"live":true}')


async def ready(exchange: Exchange) -> Answer:
    """Answer `GET /v2/health/ready`: every model is ready, and the server does not drain."""
    if exchange.server.is_ready():
        return json_answer(200, b'{"ready":true,"live":true}')
    return json_answer(503, b'{"ready":false,"live":true}')


async def metrics(exchange: Exchange) -> Answer:
    """Answer `GET /metrics`."""
    return Answer(200, exchange.server.metrics.render(), ((b"content-type", CONTENT_TYPE_LATEST.encode()),))
