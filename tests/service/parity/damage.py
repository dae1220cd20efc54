"""What can be wrong with a request, or odd about it, whatever it asks for."""

from collections.abc import Callable
from dataclasses import replace
from random import Random
from urllib.parse import quote

from tests.service.parity.exchange import Request

# The limits of a server whose requests can be too large without being large.
LIMITS = {"max_body_bytes": 8192, "max_header_bytes": 8192, "max_request_rows": 50}
LARGE_HEADER = "a large header"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE")
CONTENT_TYPES = (
    *(
        "application/json; charset=utf-8",
        "APPLICATION/JSON",
        "application/vnd.api+json",
        "application/json;charset=utf-16",
    ),
    *("text/plain", "application/octet-stream", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded"),
    *("", "*/*", "json", "application/json, text/plain", 'application/json; charset="utf-8"', "\xfcber"),
)
ENCODINGS = ("gzip", "identity", "br", "", "deflate, gzip", "GZIP")
IDS = ("abc", "a/b:c-d_e.f=g", "0" * 128, "0" * 129, "two words", "", "caf\xe9", "\t", '"quoted"', "%00")
TIMEOUTS = ("30", "60.5", "0", "-1", "nan", "inf", "soon", "", "1e400", "1_0", "0x10", " 20 ", "9" * 400)
ODD_HEADERS = (
    *(
        ("Accept", "text/html"),
        ("Accept-Encoding", "gzip, br"),
        ("Connection", "close"),
        ("Origin", "http://example.com"),
    ),
    *(("X-Forwarded-For", "10.0.0.1"), ("X-Http-Method-Override", "DELETE"), ("Range", "bytes=0-1"), ("Cookie", "a=b")),
    *(("If-None-Match", "*"), ("Expect", "100-continue"), ("X-Long", "x" * 4000), ("Accept-Language", "de")),
    *(("Access-Control-Request-Method", "POST"), ("User-Agent", ""), ("X-Model-Version", "7"), ("Via", "1.1 proxy")),
)
SEGMENTS = (
    "unknown",
    "..",
    ".",
    "0",
    "1",
    "%2F",
    "%00",
    "%FF",
    "%C3%BC",
    "a%20b",
    "stats",
    "infer",
    "x" * 300,
    "a;b=c",
    "%",
)
QUERIES = ("?", "?x=1", "?verbose", "?a=%FF&b", "??", "?x=" + "y" * 500)

Damage = Callable[[Random, Request], Request]


def damaged(random: Random, request: Request, *, limited: bool) -> Request:
    """Return a request with one more thing wrong, or odd. limited: some are over LIMITS."""
    kinds: list[Damage] = [_bytes, _bytes, _header, _header, _path, _method, _form]
    return random.choice([*kinds, _too_large] if limited else kinds)(random, request)


def _bytes(random: Random, request: Request) -> Request:
    body = request.body
    at = random.randrange(len(body) + 1)
    bodies = {
        "no body": b"",
        "cut off": body[:at],
        "a byte more": body[:at]
        + random.choice((b"\0", b"\xff", b"\xc3", b"{", b'"', b",", b"\\", b" ", b"\n"))
        + body[at:],
        "half a character": body + b"\xe2\x82",
        "a byte order mark": b"\xef\xbb\xbf" + body,
        "twice": body + body,
        "blank": b" \r\n\t",
        "UTF-16": body.decode("latin-1").encode("utf-16"),
        "a scalar": random.choice((b"null", b"true", b"7", b'"text"', b"[]", b"{}", b"NaN")),
    }
    what = random.choice(list(bodies))
    return replace(request, kind=f"{request.kind}, {what}", body=bodies[what])


def _header(random: Random, request: Request) -> Request:
    name, value = random.choice(
        [
            ("Content-Type", random.choice(CONTENT_TYPES)),
            ("Content-Encoding", random.choice(ENCODINGS)),
            ("X-Request-Id", random.choice(IDS)),
            ("X-Request-Id", random.choice(IDS)),
            ("Request-Timeout", random.choice(TIMEOUTS)),
            random.choice(ODD_HEADERS),
        ]
    )
    others = request.headers if not random.randrange(6) else tuple(one for one in request.headers if one[0] != name)
    what = "twice" if len(others) == len(request.headers) and name in dict(others) else "set"
    return replace(request, kind=f"{request.kind}, {name} {what}", headers=(*others, (name, value)))


def _path(random: Random, request: Request) -> Request:
    path = request.target
    parts = path.split("/")
    at = random.randrange(1, len(parts))
    paths = {
        "a slash at the end": path + "/",
        "two slashes": path.replace("/", "//", 1),
        "another segment": "/".join([*parts[:at], random.choice(SEGMENTS), *parts[at + 1 :]]),
        "one segment more": "/".join([*parts[:at], random.choice(SEGMENTS), *parts[at:]]),
        "one segment less": "/".join(parts[:at] + parts[at + 1 :]) or "/",
        "in capitals": path.upper(),
        "percent-encoded": "/".join([*parts[:at], "".join(f"%{ord(one):02X}" for one in parts[at]), *parts[at + 1 :]]),
        "quoted": quote(path, safe="/%?=&"),
        "a query": path + random.choice(QUERIES),
    }
    what = random.choice(list(paths))
    return replace(request, kind=f"{request.kind}, {what}", target=paths[what])


def _method(random: Random, request: Request) -> Request:
    method = random.choice(METHODS)
    return replace(request, kind=f"{request.kind}, {method}", method=method)


def _form(random: Random, request: Request) -> Request:
    return replace(request, kind=f"{request.kind}, in chunks", chunked=True)


def _too_large(random: Random, request: Request) -> Request:
    if not random.randrange(4):
        headers = (*request.headers, ("X-Large", "x" * (LIMITS["max_header_bytes"] + random.randrange(2000))))
        return replace(request, kind=f"{request.kind}, {LARGE_HEADER}", headers=headers)
    size = LIMITS["max_body_bytes"] + random.choice((-1, 0, 1, 100, 5000))
    return replace(request, kind=f"{request.kind}, a large body", body=request.body.ljust(size))
