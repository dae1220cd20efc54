"""One request at a time to 127.0.0.1, for what is not a load; the load's client is `services.load.client`."""

import http.client
import socket

from services.load.connection import Address
from services.load.http1 import Answer, parse, size_of

HOST = "127.0.0.1"
CONNECT_TIMEOUT_SECONDS = 2.0
RECEIVE_BYTES = 1024 * 1024


def address(port: int) -> Address:
    """Return where the load's client finds a server."""
    return Address(socket.AF_INET, (HOST, port), HOST)


def connect(port: int) -> socket.socket:
    """Open a connection. Raises OSError."""
    connection = socket.create_connection((HOST, port), timeout=CONNECT_TIMEOUT_SECONDS)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def exchange(connection: socket.socket, request: bytes, timeout_seconds: float) -> Answer:
    """Send one request and wait for its answer, of any size.

    Raises TimeoutError, another OSError, or Unreadable.
    """
    connection.settimeout(timeout_seconds)
    connection.sendall(request)
    data = bytearray()
    while len(data) < size_of(data) or (answer := parse(bytes(data))) is None:
        part = connection.recv(RECEIVE_BYTES)
        if not part:
            raise ConnectionResetError("closed without an answer")
        data += part
    return answer


def ask(port: int, path: str, body: bytes = b"", timeout_seconds: float = 5.0) -> tuple[int, bytes]:
    """Send one GET, or a POST of some JSON, on a connection of its own; return status and body, whatever their form.

    Raises OSError or http.client.HTTPException.
    """
    connection = http.client.HTTPConnection(HOST, port, timeout=timeout_seconds)
    try:
        connection.request("POST" if body else "GET", path, body or None, {"Content-Type": "application/json"})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()
