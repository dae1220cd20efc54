"""A server on a free port that answers every request with the next of the given bytes; b"" closes the connection."""

import math
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Answer = Callable[[bytes], bytes]


def answer(body: bytes, status: str = "200 OK", headers: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body


def body_of(request: bytes) -> bytes:
    return request.partition(b"\r\n\r\n")[2]


def echo(request: bytes) -> bytes:
    return answer(body_of(request))


def whole_request(connection: socket.socket) -> bytes:
    """Return the next request with all of its body, which a client may send apart; b"" when the client has gone."""
    request = connection.recv(65536)
    while request and len(request) < length_of(request):
        more = connection.recv(65536)
        if not more:
            return b""
        request += more
    return request


def length_of(request: bytes) -> float:
    """Return the bytes that a request will have, as far as it can be told by now."""
    head, end, _ = request.partition(b"\r\n\r\n")
    said = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    return len(head) + len(end) + int(said[1] if said else 0) if end else math.inf


@contextmanager
def serving(respond: Answer, *, stall_seconds: float = 0.0) -> Iterator[int]:
    """Yield the port; respond(request) gives the answer's bytes. The first request of all waits stall_seconds."""
    listener = socket.create_server(("127.0.0.1", 0))
    stalls = iter([stall_seconds])
    stopped = threading.Event()

    def serve(connection: socket.socket) -> None:
        with connection, suppress(OSError):  # the client may leave at any time
            while not stopped.is_set():
                request = whole_request(connection)
                reply = respond(request) if request else b""
                if not reply:
                    return
                if (pause := next(stalls, 0.0)) > 0:
                    time.sleep(pause)
                connection.sendall(reply)

    def accept() -> None:
        while not stopped.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        stopped.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
