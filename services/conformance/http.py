"""Requests to the server that is looked at, each kept with its answer."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import httpx

from services.conformance.check import Failed

JSON = "application/json"
# Enough for every check that sends many requests at once.
CONNECTIONS = 64


class Reply(NamedTuple):
    """One exchange. headers: names in lower case."""

    method: str
    path: str
    sent: bytes
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body's JSON. Raises Failed when it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise Failed("a JSON body", self) from None

    def object(self) -> dict[str, Any]:
        """Return the body's JSON object. Raises Failed when it is none."""
        found = self.json()
        if not isinstance(found, dict):
            raise Failed("a JSON object", self)
        return found


class Http:
    """A client of one server. key: an API key, sent with every request. Raises httpx.TransportError."""

    def __init__(self, url: str, *, key: str | None = None, timeout_seconds: float) -> None:
        self.url = url.rstrip("/")
        self.timeout_seconds = timeout_seconds
        self.key_headers = {"authorization": f"Bearer {key}"} if key else {}
        self.last: Reply | None = None
        self._client = httpx.Client(
            base_url=self.url,
            headers=self.key_headers,
            timeout=timeout_seconds,
            limits=httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS),
            trust_env=False,
            verify=self.url.startswith("https:"),  # reading the certificates takes longer than most checks
        )

    def send(
        self,
        method: str,
        path: str,
        body: bytes | Iterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send one request and return its answer; redirects are not followed. A body in pieces is sent chunked."""
        try:
            response = self._client.request(method, path, content=body, headers=headers)
        except (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError):
            if body is not None and not isinstance(body, bytes):
                raise
            # A server may close a connection that was kept, for instance after its last answer, at any time; to try
            # again is the client's part. Source: RFC 9112, 9.3.1 and 9.5.
            response = self._client.request(method, path, content=body, headers=headers)
        sent = body if isinstance(body, bytes) else b""
        self.last = Reply(method, path, sent, response.status_code, response.headers, response.content)
        return self.last

    def post_json(self, path: str, value: Any, headers: Mapping[str, str] | None = None) -> Reply:
        """Post a value as JSON."""
        return self.send("POST", path, json.dumps(value).encode(), {"content-type": JSON, **(headers or {})})

    def close(self) -> None:
        """Close all connections."""
        self._client.close()
