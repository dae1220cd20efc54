"""`trivet serve` with one mistake of each sort, for parity to find: `python -m …parity.altered serve …`."""

from services.cli.main import main
from services.http.app import Application
from services.http.types import Message, Receive, Scope, Send

# What each path answers wrongly, and in which part a comparison sees it.
MISTAKES = {
    "/predict": "status",
    "/predict/batch": "body",
    "/v2": "content-type",
    "/v2/repository/index": "content-length",
    "/feedback": "x-request-id",
    "/v2/models/iris-classifier/infer": "allow",
}


def alter(message: Message, path: str) -> None:
    """Change a message of an answer in place."""
    headers: list[tuple[bytes, bytes]] = list(message.get("headers", ()))
    if path == "/predict" and message.get("status") == 422:
        message["status"] = 400
    elif path == "/predict/batch" and b"0.9" in message.get("body", b""):
        message["body"] = message["body"].replace(b"0.9", b"0.8", 1)
    elif path == "/v2":
        headers = [(name, value + b"; charset=utf-8" if name == b"content-type" else value) for name, value in headers]
    elif path == "/v2/repository/index":
        headers = [one for one in headers if one[0] != b"content-length"]
    elif path == "/feedback":
        headers = [(name, b"0" if name == b"x-request-id" else value) for name, value in headers]
    elif path == "/v2/models/iris-classifier/infer":
        headers = [one for one in headers if one[0] != b"allow"]
    if "headers" in message:
        message["headers"] = headers


class Altered(Application):
    """The application with the mistakes."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_altered(message: Message) -> None:
            alter(message, scope["path"])
            await send(message)

        await super().__call__(scope, receive, send_altered if scope["type"] == "http" else send)


def _make_mistakes() -> None:
    from services.http import app

    app.Application = Altered  # type: ignore[misc]


if __name__ == "__main__":
    _make_mistakes()
    main()
