"""What a handler returns."""

from typing import NamedTuple

Header = tuple[bytes, bytes]

JSON: Header = (b"content-type", b"application/json")
BINARY: Header = (b"content-type", b"application/octet-stream")


class Answer(NamedTuple):
    """A whole response; its length and the request's id are added when it is sent."""

    status: int
    body: bytes
    headers: tuple[Header, ...]


def json_answer(status: int, body: bytes, *headers: Header) -> Answer:
    """Return an answer whose body is JSON."""
    return Answer(status, body, (JSON, *headers))
