"""The ASGI application of a worker: the contract's, straight after uvicorn, and BentoML's own paths beside it."""

from collections.abc import Iterable

from services.http.app import Application
from services.http.middleware import ContractMiddleware
from services.http.routes import EXCHANGE
from services.http.types import ASGIApp, Message, Receive, Scope, Send

# What BentoML has besides the methods of a service. Its page at `/` and its metrics are the contract's.
PROBES = ("/livez", "/readyz", "/healthz")
DESCRIPTIONS = ("/schema.json", "/docs.json")


class Front:
    """Hands each request to one of the two.

    A mounted application is behind seven layers of BentoML's and Starlette's, one of which starts a task and a timer
    for each request; the contract has all that they do.
    """

    def __init__(self, contract: Application, bentoml: ASGIApp, routes: Iterable[str]) -> None:
        self._contract = contract
        self._bentoml = bentoml
        counted = ContractMiddleware(Counted(bentoml), contract.server)
        self._others: dict[str, ASGIApp] = dict.fromkeys(PROBES, bentoml)
        self._others.update(dict.fromkeys((*DESCRIPTIONS, *routes), counted))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._others.get(scope["path"], self._contract)(scope, receive, send)
        else:
            await self._bentoml(scope, receive, send)  # its lifespan holds that of what is mounted


class Counted:
    """BentoML's own paths under the contract's keys, limits of a body, metrics and log."""

    def __init__(self, bentoml: ASGIApp) -> None:
        self._bentoml = bentoml

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = scope[EXCHANGE]
        exchange.route = scope["path"]
        unread: list[Message] = [{"type": "http.request", "body": await exchange.body(), "more_body": False}]

        async def receive_body() -> Message:
            return unread.pop() if unread else await receive()

        await self._bentoml(scope, receive_body, send)
