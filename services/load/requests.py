"""What is sent: requests with rows that fit a model, or one that somebody gave."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from services.client.inputs import from_metadata
from services.load.http1 import Answer, request
from services.load.target import JSON, Target, Unanswered, path_of

# The generator itself says these.
OWN_HEADERS = {"connection", "content-length", "transfer-encoding", "expect"}


@dataclass(frozen=True)
class Requests:
    """Requests to send in turn, as bytes. what: of each, for people."""

    what: str
    sent: tuple[bytes, ...]

    def request(self, index: int) -> bytes:
        """Return the bytes of request number `index`."""
        return self.sent[index % len(self.sent)]

    def outcome(self, index: int, answer: Answer) -> int:
        """Return the answer's status."""
        return answer.status


def rows_of(target: Target, model: str, count: int) -> Requests:
    """Return V2 requests of so many rows each, made of what the model's metadata says. Raises Unanswered."""
    inputs = from_metadata(target.metadata(model).get("inputs"))
    if inputs is None:
        raise Unanswered(f"the metadata of {model} does not say what inputs fit; give a right request by --body")
    if count > 1 and not inputs.batched:
        raise Unanswered(f"{model} takes no batches, so --rows must be 1")
    path, most = f"{path_of(model)}/infer", inputs.row_count
    bodies = [{"inputs": inputs.flat(*((start + at) % most for at in range(count)))} for start in range(most)]
    sent = [json.dumps(body, separators=(",", ":")).encode() for body in bodies]
    what = f"POST {target.prefix}{path}, {count:,} {'row' if count == 1 else 'rows'} a request"
    return Requests(what, tuple(_post(target, path, body) for body in sent))


def given(target: Target, route: str, body: bytes | None) -> Requests:
    """Return one request again and again: a POST of this body, or a GET without one."""
    if body is None:
        sent = request("GET", target.prefix + route, target.host, dict(target.headers))
        return Requests(f"GET {target.prefix}{route}", (sent,))
    return Requests(f"POST {target.prefix}{route}, {len(body):,} bytes a request", (_post(target, route, body),))


def header(text: str) -> tuple[str, str]:
    """Read a header, `Name: value`. Raises ValueError."""
    name, colon, value = text.partition(":")
    name, value = name.strip(), value.strip()
    if (
        not colon
        or not name.isascii()
        or not name
        or not all(one.isalnum() or one in "!#$%&'*+-.^_`|~" for one in name)
    ):
        raise ValueError(f"{text!r} is no header; 'Name: value' was expected")
    if name.lower() in OWN_HEADERS:
        raise ValueError(f"the generator sets {name} by itself")
    if any(ord(one) < 32 or ord(one) > 255 for one in value):
        raise ValueError(
            f"the value of {name} has a character that no header can have; one line of Latin-1 was expected"
        )
    return name, value


def _post(target: Target, path: str, body: bytes) -> bytes:
    headers = _with_type(target.headers)
    return request("POST", target.prefix + path, target.host, headers, body)


def _with_type(headers: Mapping[str, str]) -> dict[str, str]:
    named = any(name.lower() == "content-type" for name in headers)
    return dict(headers) if named else {"Content-Type": JSON, **headers}
