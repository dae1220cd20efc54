"""A right server that does wrong when it is told to: `python -m tests.service.conformance.faulty MODEL_FOLDER PORT`.

The application is Trivet's own on uvicorn; between both, a fault changes what is answered. Each request names its
fault as if it were an API key, so one process has all of them.
"""

import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn

from services.core import logs
from services.core.metrics import Metrics
from services.core.settings import Settings
from services.http.app import create_app
from services.http.protocol import bounded_protocol
from services.http.types import ASGIApp, Message, Receive, Scope, Send
from tests.service.conformance.exchange import Answer, Request
from tests.service.conformance.faults import FAULTS


@dataclass
class Faulty:
    """The layer between."""

    app: ASGIApp
    seen: Counter[str] = field(default_factory=Counter)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request.of(scope)
        self.seen[request.fault] += 1
        request.number = self.seen[request.fault]
        answer = await self._answer(request, scope, receive)
        headers = [(name.encode(), value.encode("latin-1")) for name, value in answer.headers.items()]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body if request.method != "HEAD" else b""})

    async def _answer(self, request: Request, scope: Scope, receive: Receive) -> Answer:
        async def noting() -> Message:
            message = await receive()
            request.body += message.get("body", b"")
            return message

        sent: list[Message] = []

        async def keep(message: Message) -> None:
            sent.append(message)

        fault = FAULTS.get(request.fault)
        if fault and fault.first and (answer := fault.first(request)):
            return answer
        await self.app(scope, noting, keep)
        start, *parts = sent
        headers = {name.decode(): value.decode("latin-1") for name, value in start["headers"]}
        answer = Answer(start["status"], headers, b"".join(part.get("body", b"") for part in parts))
        return fault.change(request, answer) if fault else answer


def main(folder: Path, port: int) -> None:
    """Serve until SIGTERM."""
    settings = Settings(
        model=str(folder), home=folder.parent / f"{folder.name}-home", log_level="error", drain_wait_seconds=0
    )
    logs.configure("error")
    app = create_app(settings, Metrics("fastapi"))
    protocol = bounded_protocol(settings)
    uvicorn.run(Faulty(app), port=port, http=protocol, lifespan="on", log_level="error", server_header=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
