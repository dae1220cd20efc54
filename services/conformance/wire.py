"""HTTP/1.1 by hand: for what no HTTP library would send."""

import socket
import ssl
from urllib.parse import urlsplit

from services.conformance.check import Failed
from services.conformance.http import Http, Reply

READ_BYTES = 65536


def exchange(http: Http, *pieces: bytes, ends: bytes = b"") -> bytes:
    """Send pieces, and return what came back until the server closed, or until it sent `ends`.

    Raises Failed when neither happens in time.
    """
    place = urlsplit(http.url)
    port = place.port or (443 if place.scheme == "https" else 80)
    received = b""
    with socket.create_connection((place.hostname or "", port), timeout=http.timeout_seconds) as plain:
        connection = _encrypted(plain, place.hostname) if place.scheme == "https" else plain
        try:
            for piece in pieces:
                connection.sendall(piece)
            while not (ends and ends in received) and (data := connection.recv(READ_BYTES)):
                received += data
        except ConnectionError:
            pass  # the server closed early, as it may
        except TimeoutError:
            raise Failed(
                f"an answer and a closed connection within {http.timeout_seconds} s", _reply(b"", received)
            ) from None
    return received


def request(http: Http, method: str, path: str, body: bytes = b"", *headers: str, length: int | None = None) -> bytes:
    """Return the bytes of a request. length: another Content-Length than the body's."""
    lines = [f"{method} {path} HTTP/1.1", f"host: {urlsplit(http.url).netloc}", *headers]
    lines += [f"{name}: {value}" for name, value in http.key_headers.items()]
    if body or length is not None:
        lines.append(f"content-length: {len(body) if length is None else length}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def answer(sent: bytes, received: bytes) -> Reply:
    """Return the one answer that came back. Raises Failed when it is none."""
    reply = _reply(sent, received)
    if not reply.status:
        raise Failed("an answer of HTTP/1.1", reply)
    return reply


def _reply(sent: bytes, received: bytes) -> Reply:
    head, _, body = received.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    code = status.split(" ")[1] if status.startswith("HTTP/1.") and " " in status else "0"
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    method, _, rest = sent.partition(b"\r\n")[0].decode("latin-1").partition(" ")
    return Reply(method[:20], rest.partition(" ")[0], sent, int(code) if code.isdigit() else 0, headers, body)


def _encrypted(plain: socket.socket, name: str | None) -> ssl.SSLSocket:
    return ssl.create_default_context().wrap_socket(plain, server_hostname=name)
