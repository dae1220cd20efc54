"""An answer written whole, where nothing stands between the application and uvicorn.

uvicorn's `send` looks at each header with two regular expressions and writes head and body apart: of a small prediction
that is a tenth of all work. ASGI lets a server offer more in its scope's `extensions`, and `WHOLE_ANSWER` is ours.
"""

from functools import lru_cache

from uvicorn.protocols.http.httptools_impl import HEADER_RE, HEADER_VALUE_RE, STATUS_LINE, RequestResponseCycle

from services.http.answer import WHOLE_ANSWER, Answer, Header
from services.http.types import Send

# A larger body is not copied to be joined to its head.
JOINED_BYTES = 64 * 1024


def write_whole(send: Send, answer: Answer, own: tuple[Header, ...]) -> bool:
    """Write the bytes that `send` would, and return True; or write nothing and return False: then `send` must.

    send: what the application was given; where it is not uvicorn's, somebody else wants to see what is sent.
    own: headers of this one answer, its length among them; none is `connection`.
    """
    if getattr(send, "__func__", None) is not RequestResponseCycle.send:
        return False
    cycle: RequestResponseCycle = send.__self__  # type: ignore[attr-defined]  # a bound method has it
    if (
        cycle.response_started
        or cycle.disconnected
        or cycle.flow.write_paused
        or cycle.access_log
        or not cycle.keep_alive
        or cycle.scope["method"] == "HEAD"
        or (shared := _lines(answer.headers)) is None
        or (default := _lines(tuple(cycle.default_headers))) is None
    ):
        return False
    head = b"".join([STATUS_LINE[answer.status], default, shared, *(b"%b: %b\r\n" % header for header in own), b"\r\n"])
    cycle.response_started = True
    cycle.waiting_for_100_continue = False
    if len(answer.body) <= JOINED_BYTES:
        cycle.transport.write(head + answer.body)
    else:
        cycle.transport.write(head)
        cycle.transport.write(answer.body)
    cycle.response_complete = True
    cycle.message_event.set()
    cycle.on_response()
    return True


@lru_cache(maxsize=256)
def _lines(headers: tuple[Header, ...]) -> bytes | None:
    """Return headers as they are sent; None where uvicorn refuses one, or does more than to send it."""
    lowered = [(name.lower(), value) for name, value in headers]
    for name, value in lowered:
        if HEADER_RE.search(name) or HEADER_VALUE_RE.search(value) or name in (b"connection", b"transfer-encoding"):
            return None
    return b"".join(b"%b: %b\r\n" % header for header in lowered)


EXTENSIONS: dict[str, dict[object, object]] = {WHOLE_ANSWER: {"write": write_whole}}
