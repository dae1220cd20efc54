"""Requests without a server: an ASGI scope, a body in pieces, and what the application sends."""

from typing import Any, NamedTuple

import msgspec

from services.http.types import ASGIApp, Message, Receive, Scope


class Sent(NamedTuple):
    """A whole answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return msgspec.json.decode(self.body)


def scope(path: str = "/predict", method: str = "POST", **headers: str | bytes) -> Scope:
    """Return an HTTP scope; a header's name is written with underscores."""
    encoded = [
        (name.replace("_", "-").encode(), value.encode() if isinstance(value, str) else value)
        for name, value in headers.items()
    ]
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": encoded,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8000),
    }


class Body:
    """A client's side of a request: its pieces, then its end or its going away."""

    def __init__(self, *pieces: bytes, disconnects: bool = False) -> None:
        self.left = list(pieces)
        self._disconnects = disconnects

    async def __call__(self) -> Message:
        if not self.left:
            return {"type": "http.disconnect"}
        piece = self.left.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(self.left) or self._disconnects}


async def call(
    app: ASGIApp, path: str, body: bytes | Receive = b"", method: str = "POST", **headers: str | bytes
) -> Sent:
    """Send one request through an application and return its answer."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope(path, method, **headers), Body(body) if isinstance(body, bytes) else body, send)
    start, *parts = sent
    names = {name.decode(): value.decode() for name, value in start["headers"]}
    return Sent(start["status"], names, b"".join(part.get("body", b"") for part in parts))
