"""What a handler returns."""

from typing import NamedTuple

Header = tuple[bytes, bytes]

# The extension of a scope whose `write` writes an answer whole; see services/http/whole_answer.py.
WHOLE_ANSWER = "trivet.whole_answer"

JSON: Header = (b"content-type", b"application/json")
CLOSE: Header = (b"connection", b"close")
BINARY: Header = (b"content-type", b"application/octet-stream")


class Answer(NamedTuple):
    """A whole response; its length and the request's id are added when it is sent."""

    status: int
    body: bytes
    headers: tuple[Header, ...]


def json_answer(status: int, body: bytes, *headers: Header) -> Answer:
    """Return an answer whose body is JSON."""
    return Answer(status, body, (JSON, *headers))
