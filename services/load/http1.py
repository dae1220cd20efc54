"""HTTP/1.1 as a load generator needs it: bytes out, whole answers in, nothing else. Source: RFC 9112."""

import re
from typing import NamedTuple

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)
_CLOSE = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)
# They have no body, and need not say so.
_BODILESS = (204, 304)


class Unreadable(Exception):
    """An answer that is not one HTTP/1.1 answer with a Content-Length, or in chunks."""


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
    start = head_end + 4
    if not data.startswith(b"HTTP/1.1 ") or not data[9:12].isdigit():
        raise Unreadable(data[:100].decode("latin-1"))
    status = int(data[9:12])
    length = _LENGTH.search(data, 0, head_end)
    if length is not None:
        end = start + int(length[1])
        body = data[start:]
    elif _CHUNKED.search(data, 0, head_end):
        body, end = _chunked(data, start)
    elif status in _BODILESS:
        body, end = b"", start
    else:
        raise Unreadable(data[:100].decode("latin-1"))
    if len(data) < end:
        return None
    if len(data) > end:
        raise Unreadable(f"{len(data) - end} bytes more than the answer has")
    head = data[:head_end]
    return Answer(status, head, body, _CLOSE.search(head) is not None)


def size_of(data: bytes | bytearray) -> int:
    """Return how many bytes the whole answer has, where its beginning says so, else 0."""
    head_end = data.find(b"\r\n\r\n")
    length = _LENGTH.search(data, 0, head_end) if head_end >= 0 else None
    return head_end + 4 + int(length[1]) if length else 0


def request(method: str, path: str, host: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    """Return the bytes of one request. Raises ValueError for what would be more than one line."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *(f"{name}: {value}" for name, value in headers.items())]
    if method != "GET":
        lines.append(f"Content-Length: {len(body)}")
    if any(set("\r\n\0") & set(line) for line in lines) or " " in path:
        raise ValueError("a path without spaces, and headers of one line each, were expected")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def _chunked(data: bytes, start: int) -> tuple[bytes, int]:
    """Return a body in chunks, and where it ends: past the data while it is not whole. Raises Unreadable."""
    parts: list[bytes] = []
    while (line_end := data.find(b"\r\n", start)) >= 0:
        try:
            size = int(data[start:line_end].partition(b";")[0], 16)
        except ValueError:
            raise Unreadable(f"{data[start:line_end][:20]!r} is no size of a chunk") from None
        first = line_end + 2
        if not size:
            return b"".join(parts), first + 2
        parts.append(data[first : first + size])
        start = first + size + 2
    return b"", len(data) + 1
