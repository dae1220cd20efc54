"""The server that is loaded: where it is, and the few questions that are asked of it beside the load."""

import http.client
import json
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from services.load.connection import Address, locate

JSON = "application/json"
ASK_SECONDS = 10.0
PORTS = {"http": 80, "https": 443}


class Unanswered(Exception):
    """There is nothing to load, or it cannot be found out what; the message says which option would tell."""


class Target:
    """A server at a URL. headers: sent with every request. Raises Unanswered when nothing listens there."""

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        self.url = url.rstrip("/")
        parts = urlsplit(self.url)
        if parts.scheme not in PORTS or not parts.hostname or parts.query or parts.fragment or parts.username:
            raise Unanswered(f"{url} is no URL of a server; http://HOST:PORT was expected")
        try:
            port = parts.port or PORTS[parts.scheme]
            tls = ssl.create_default_context() if parts.scheme == "https" else None
            self.address: Address = locate(parts.hostname, port, tls=tls, timeout_seconds=ASK_SECONDS)
        except (OSError, ValueError) as error:
            raise Unanswered(f"nothing answers at {self.url}: {error}") from error
        self.prefix = parts.path
        self.headers = {name: value for name, value in headers.items() if name.lower() != "host"}
        self.host = next((value for name, value in headers.items() if name.lower() == "host"), parts.netloc)

    def ask(self, path: str, body: Any = None) -> tuple[int, bytes]:
        """Send a GET, or post some JSON, and return status and body. Raises Unanswered."""
        host, port, tls = self.address.host, self.address.sockaddr[1], self.address.tls
        connection = (
            http.client.HTTPSConnection(host, port, timeout=ASK_SECONDS, context=tls)
            if tls
            else http.client.HTTPConnection(host, port, timeout=ASK_SECONDS)
        )
        sent = None if body is None else json.dumps(body)
        headers = {**self.headers, "Host": self.host, **({"Content-Type": JSON} if sent else {})}
        try:
            connection.request("POST" if sent else "GET", self.prefix + path, sent, headers)
            response = connection.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException) as error:
            raise Unanswered(f"{self.url}{path} gives no answer: {error!r}") from error
        finally:
            connection.close()

    def only_model(self) -> str:
        """Return the name of the only model that the server lists. Raises Unanswered."""
        status, body = self.ask("/v2/repository/index", {})
        _check_key("/v2/repository/index", status)
        listed = _json(body)
        names = {str(one.get("name")) for one in listed if isinstance(one, dict)} if isinstance(listed, list) else set()
        if status != 200 or len(names) != 1:
            raise Unanswered(f"the server lists {len(names) or 'no'} models; name one by --model")
        return names.pop()

    def metadata(self, model: str) -> dict[str, Any]:
        """Return what the server says of a model. Raises Unanswered."""
        path = path_of(model)
        status, body = self.ask(path)
        _check_key(path, status)
        described = _json(body)
        if status != 200 or not isinstance(described, dict):
            raise Unanswered(f"{path} answers {status}; is {model} the model? name it by --model")
        return described


def path_of(model: str) -> str:
    """Return where the protocol has a model."""
    return f"/v2/models/{quote(model, safe='')}"


def _check_key(path: str, status: int) -> None:
    if status in (401, 403):
        raise Unanswered(f"{path} answers {status}: give a key by --key-file")


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
