"""A client of bytes: for what no HTTP library would send."""

import socket
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from tests.service.server import HOST

READ_BYTES = 65536


class Reply(NamedTuple):
    """What came back until the server closed the connection. sent_bytes: what it took of the request."""

    head: bytes
    body: bytes
    sent_bytes: int
    seconds: float

    @property
    def status(self) -> int:
        return int(self.head.split(b" ", 2)[1])

    def header(self, name: str) -> str | None:
        """Return one header."""
        for line in self.head.split(b"\r\n")[1:]:
            key, _, value = line.partition(b":")
            if key.strip().lower() == name.encode():
                return value.strip().decode()
        return None


def exchange(port: int, pieces: Iterable[bytes], seconds: float, *, keep: Callable[[], bool] = lambda: True) -> Reply:
    """Send pieces until they are all sent or refused, then read until the server closes.

    Fails when it does not close within `seconds`. keep: asked before each piece, whether to go on.
    """
    started = time.monotonic()
    sent_bytes = 0
    with socket.create_connection((HOST, port), timeout=seconds) as connection:
        try:
            for piece in pieces:
                if not keep():
                    break
                connection.sendall(piece)
                sent_bytes += len(piece)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the server closed early, as it may
        received = read_all(connection)
    head, _, body = received.partition(b"\r\n\r\n")
    return Reply(head, body, sent_bytes, time.monotonic() - started)


def hang_up(port: int, sent: bytes, seconds: float) -> Reply:
    """Send bytes, say that no more will come, and read until the server closes."""
    started = time.monotonic()
    with socket.create_connection((HOST, port), timeout=seconds) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        head, _, body = read_all(connection).partition(b"\r\n\r\n")
    return Reply(head, body, len(sent), time.monotonic() - started)


def read_all(connection: socket.socket) -> bytes:
    """Return what comes until the server closes the connection."""
    received = b""
    try:
        while data := connection.recv(READ_BYTES):
            received += data
    except ConnectionResetError:
        pass
    return received


def post(path: str, body: bytes, *headers: str, length: int | None = None) -> bytes:
    """Return a POST that closes its connection. length: another Content-Length than the body's."""
    lines = [f"POST {path} HTTP/1.1", "host: test", "connection: close", *headers]
    if not any(line.lower().startswith("transfer-encoding") for line in headers):
        lines.append(f"content-length: {len(body) if length is None else length}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
