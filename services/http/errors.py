"""Every error as `{"error": "<one sentence>"}` with its status."""

import msgspec

from services.core.errors import (
    DeadlineExceeded,
    MalformedRequest,
    NotFound,
    NotReady,
    Overloaded,
    Retryable,
    RuntimeFailed,
    TooLarge,
    TrivetError,
    UnfitInput,
)
from services.http.answer import CLOSE, Answer, json_answer


class Unauthenticated(TrivetError):
    """No key, or one that is unknown, where one is asked."""


class Forbidden(TrivetError):
    """A key without the right."""


class TooSlow(TrivetError):
    """The body did not arrive in time."""


class UnsupportedMedia(TrivetError):
    """A content type or encoding that is not served."""


class Disconnected(TrivetError):
    """The client went away before its request was complete; nobody reads the answer."""


STATUS: dict[type[TrivetError], int] = {
    Disconnected: 400,
    MalformedRequest: 400,
    Unauthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    TooSlow: 408,
    TooLarge: 413,
    UnsupportedMedia: 415,
    UnfitInput: 422,
    Overloaded: 429,
    RuntimeFailed: 500,
    NotReady: 503,
    DeadlineExceeded: 504,
}

# After these the connection is of no more use. A body that is refused for its size is left to the engine, which reads
# on for a moment, or the client would never get to see why.
CLOSING = frozenset({TooSlow, Disconnected})


# A message quotes what the client sent, which may be of any length.
MAX_MESSAGE_CHARACTERS = 500


def error_answer(status: int, message: str, *headers: tuple[bytes, bytes]) -> Answer:
    """Return an error in the contract's one shape."""
    if len(message) > MAX_MESSAGE_CHARACTERS:
        message = f"{message[:MAX_MESSAGE_CHARACTERS]}…"
    return json_answer(status, msgspec.json.encode({"error": message}), *headers)


def answer_of(error: TrivetError) -> Answer:
    """Return the answer to an error of the tree."""
    headers: list[tuple[bytes, bytes]] = []
    if isinstance(error, Retryable):
        headers.append((b"retry-after", b"%d" % error.retry_after_seconds))
    if isinstance(error, Unauthenticated):
        headers.append((b"www-authenticate", b"Bearer"))
    if type(error) in CLOSING:
        headers.append(CLOSE)
    return error_answer(STATUS.get(type(error), 500), error.message, *headers)
