"""One connection of the load generator: opens, with TLS where asked, sends and receives, and never waits."""

import os
import selectors
import socket
import ssl
from typing import Any, NamedTuple

# Small on purpose: a buffer of a quarter megabyte a call costs the generator as much as all the rest of a request.
RECEIVE_BYTES = 8 * 1024
READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


class Address(NamedTuple):
    """Where a server is. sockaddr: as `connect` takes it. tls: None for plain HTTP; host: the name it is asked by."""

    family: socket.AddressFamily
    sockaddr: Any
    host: str
    tls: ssl.SSLContext | None = None


def locate(host: str, port: int, *, tls: ssl.SSLContext | None = None, timeout_seconds: float = 5.0) -> Address:
    """Return the first address of a name that takes a connection. Raises OSError when none does."""
    with socket.create_connection((host, port), timeout_seconds) as opened:
        return Address(opened.family, opened.getpeername(), host, tls)


class Connection:
    """A connection with at most one request on its way.

    opening: it is not there yet. wants: the events that it waits for.
    busy: an answer is awaited, of request `index`, which should have been sent at due_seconds and was at sent_seconds.
    received: an answer's beginning. size: how many bytes that answer has, or 0 while that is not known.
    """

    __slots__ = (
        "_unsent", "busy", "due_seconds", "fileno", "index", "opening", "received", "sent_seconds", "size", "socket",
        "wants",
    )  # fmt: skip

    def __init__(self, address: Address) -> None:
        """Begin to open it. Raises OSError."""
        plain = socket.socket(address.family, socket.SOCK_STREAM)
        plain.setblocking(False)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = plain
        try:
            error = plain.connect_ex(address.sockaddr)
            if error and not isinstance(_error(error), BlockingIOError):
                raise _error(error)
            if address.tls:
                self.socket = address.tls.wrap_socket(
                    plain, server_hostname=address.host, do_handshake_on_connect=False
                )
        except OSError:
            plain.close()
            raise
        self.opening = True
        self._unsent: bytes | memoryview = b""
        self.fileno = self.socket.fileno()
        self.received = bytearray()
        self.size = self.index = 0
        self.due_seconds = self.sent_seconds = 0.0
        self.busy = False
        self.wants = READ | WRITE

    def send(self, request: bytes) -> None:
        """Send a request, or as much of it as goes now; `advance` sends the rest. Raises OSError."""
        self._unsent = request
        if not self.opening:
            self._flush()

    def advance(self) -> None:
        """Go on with what `wants` said. Raises OSError."""
        if self.opening:
            if not self._is_open():
                return
            self.opening = False
        self._flush()

    def receive(self) -> bytes | None:
        """Return what has come, b"" when the server closed, None when nothing has. Raises OSError."""
        try:
            data: bytes = self.socket.recv(RECEIVE_BYTES)
            # TLS has read more from the network than it gave, and no event will say so.
            while data and isinstance(self.socket, ssl.SSLSocket) and self.socket.pending():
                data += self.socket.recv(RECEIVE_BYTES)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return None
        return data

    def close(self) -> None:
        """Close it, whatever its state."""
        self.socket.close()

    def _is_open(self) -> bool:
        if error := self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise _error(error)
        try:
            if isinstance(self.socket, ssl.SSLSocket):
                self.socket.do_handshake()
        except ssl.SSLWantReadError:
            self.wants = READ
            return False
        except ssl.SSLWantWriteError:
            self.wants = READ | WRITE
            return False
        return True

    def _flush(self) -> None:
        try:
            sent = self.socket.send(self._unsent) if self._unsent else 0
        except (BlockingIOError, ssl.SSLWantWriteError):
            sent = 0
        if sent == len(self._unsent):
            self._unsent, self.wants = b"", READ
        else:
            self._unsent, self.wants = memoryview(self._unsent)[sent:], READ | WRITE


def _error(number: int) -> OSError:
    return OSError(number, os.strerror(number))
