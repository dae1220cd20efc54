"""Requests as bytes, whatever is wrong with them, and whole replies, over one connection that is kept."""

import base64
import contextlib
import shlex
import socket
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from typing import NamedTuple

from tests.service.server import HOST

ANSWER_SECONDS = 30.0
# A request of several chunks is cut into pieces of this size.
CHUNK_BYTES = 100


@dataclass(frozen=True)
class Request:
    """One request. kind: what it is about, for the report. headers: beside those that its form needs."""

    kind: str
    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    chunked: bool = False

    def wire(self) -> bytes:
        """Return what is sent."""
        lines = [f"{self.method} {self.target} HTTP/1.1", f"Host: {HOST}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        if self.chunked:
            lines.append("Transfer-Encoding: chunked")
        elif self.body or self.method in ("POST", "PUT", "PATCH"):
            lines.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (self._chunks() if self.chunked else self.body)

    def curl(self) -> str:
        """Return a command that sends the same to $URL; curl's own headers are taken out."""
        words = ["curl", "-i", "--path-as-is", *(["-I"] if self.method == "HEAD" else ["-X", self.method])]
        sent = {name.lower() for name, _ in self.headers}
        for name in ("Accept", "User-Agent", "Content-Type", "Expect"):
            words += [] if name.lower() in sent else ["-H", f"{name}:"]
        for name, value in self.headers:
            words += ["-H", f"{name}: {value}" if value else f"{name};"]
        words += ["-H", "Transfer-Encoding: chunked"] if self.chunked else []
        if self.body or self.method in ("POST", "PUT", "PATCH"):
            words += ["--data-binary", "@-"]
        command = f'{shlex.join(words)} "$URL"{shlex.quote(self.target)}'
        text = self.body.decode("latin-1")
        if text.isascii() and text.isprintable():
            return f"printf %s {shlex.quote(text)} | {command}"
        return f"base64 -d <<< {base64.b64encode(self.body).decode()} | {command}"

    def _chunks(self) -> bytes:
        pieces = [self.body[start : start + CHUNK_BYTES] for start in range(0, len(self.body), CHUNK_BYTES)]
        return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


class Reply(NamedTuple):
    """A whole answer; header names in lower case, with every value. A status of 0: none came."""

    status: int
    headers: dict[str, list[str]]
    body: bytes


NO_REPLY = Reply(0, {}, b"")


class Sender:
    """A connection to a port of this machine, opened again whenever the server has closed it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket: socket.socket | None = None

    def ask(self, request: Request) -> Reply:
        """Send one request and return its reply. A kept connection that turns out to be closed is tried once more."""
        kept = self._socket is not None
        reply = self._ask(request)
        return self._ask(request) if reply is NO_REPLY and kept else reply

    def close(self) -> None:
        """Close the connection."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _ask(self, request: Request) -> Reply:
        if self._socket is None:
            self._socket = socket.create_connection((HOST, self._port), timeout=ANSWER_SECONDS)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # A server may refuse a body before it is all there, and its answer is still to be read.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._socket.sendall(request.wire())
        response = HTTPResponse(self._socket, method=request.method)
        try:
            response.begin()
            body = response.read()
        except (HTTPException, ConnectionResetError):
            self.close()
            return NO_REPLY
        headers: dict[str, list[str]] = {}
        for name, value in response.getheaders():
            headers.setdefault(name.lower(), []).append(value)
        if response.will_close:
            self.close()
        return Reply(response.status, headers, body)


def ask_all(port: int, requests: list[Request]) -> list[Reply]:
    """Send requests one at a time, and return their replies."""
    sender = Sender(port)
    try:
        return [sender.ask(request) for request in requests]
    finally:
        sender.close()
