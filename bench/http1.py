"""HTTP/1.1 to 127.0.0.1 as a load generator needs it: bytes out, whole answers in, nothing else."""

import re
import socket
import struct
from typing import NamedTuple

HOST = "127.0.0.1"
CONNECT_TIMEOUT_SECONDS = 2.0
# A server that reads nothing for so long has lost the request; the kernel ends the send.
SEND_TIMEOUT_SECONDS = 10
# Small on purpose: a buffer of a quarter megabyte a call costs the generator as much as all the rest of a request.
RECEIVE_BYTES = 8 * 1024
LARGE_RECEIVE_BYTES = 1024 * 1024

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CLOSE = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)


class Unreadable(Exception):
    """An answer that is not one HTTP/1.1 answer with a Content-Length."""


class Answer(NamedTuple):
    """One whole answer; `closes` says that the server ends the connection after it."""

    status: int
    head: bytes
    body: bytes
    closes: bool


def parse(data: bytes) -> Answer | None:
    """Return the answer that the bytes hold, or None while it is not whole. Raises Unreadable."""
    head_end = data.find(b"\r\n\r\n")
    if head_end < 0:
        return None
    length = _LENGTH.search(data, 0, head_end)
    if length is None or not data.startswith(b"HTTP/1.1 "):
        raise Unreadable(data[:100].decode("latin-1"))
    start = head_end + 4
    end = start + int(length[1])
    if len(data) < end:
        return None
    if len(data) > end:
        raise Unreadable(f"{len(data) - end} bytes more than the Content-Length")
    head = data[:head_end]
    return Answer(int(data[9:12]), head, data[start:], _CLOSE.search(head) is not None)


class Connection:
    """A connection with at most one request on its way.

    index: which request. due_seconds: when it should have been sent. busy: an answer is awaited.
    """

    __slots__ = ("buffer", "busy", "due_seconds", "fileno", "index", "recv", "send", "socket")

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection((HOST, port), timeout=CONNECT_TIMEOUT_SECONDS)
        # Blocking, so that neither recv nor sendall needs a poll of its own; epoll says when there is something.
        self.socket.settimeout(None)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", SEND_TIMEOUT_SECONDS, 0))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.fileno = self.socket.fileno()
        self.recv = self.socket.recv
        self.send = self.socket.sendall
        self.buffer = b""
        self.index = 0
        self.due_seconds = 0.0
        self.busy = False

    def close(self) -> None:
        self.socket.close()


def exchange(connection: Connection, request: bytes, timeout_seconds: float) -> Answer:
    """Send one request and wait for its answer, of any size.

    Raises TimeoutError, another OSError, or Unreadable.
    """
    connection.socket.settimeout(timeout_seconds)
    connection.send(request)
    data = bytearray()
    expected_bytes = 0
    while not expected_bytes or len(data) < expected_bytes:
        part = connection.recv(LARGE_RECEIVE_BYTES)
        if not part:
            raise ConnectionResetError("closed without an answer")
        data += part
        head_end = data.find(b"\r\n\r\n")
        if not expected_bytes and head_end >= 0:
            length = _LENGTH.search(data, 0, head_end)
            expected_bytes = head_end + 4 + (int(length[1]) if length else 0)
    answer = parse(bytes(data))
    if answer is None:
        raise Unreadable("the answer ended early")
    return answer


def get(port: int, path: str, timeout_seconds: float = 5.0) -> Answer:
    """Send one GET on a connection of its own. Raises OSError or Unreadable."""
    connection = Connection(port)
    try:
        return exchange(connection, f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode(), timeout_seconds)
    finally:
        connection.close()
