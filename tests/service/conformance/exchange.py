"""A request and its answer, as faults see and change them."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from services.http.types import Scope

JSON = "application/json"


@dataclass(eq=False)
class Request:
    """What was asked. number: the how manieth with this fault. body: as far as the application has read it."""

    method: str
    path: str
    headers: dict[str, str]
    number: int = 0
    body: bytes = b""

    @classmethod
    def of(cls, scope: Scope) -> "Request":
        headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        return cls(scope["method"], scope["path"], headers)

    @property
    def fault(self) -> str:
        return self.headers.get("authorization", "").removeprefix("Bearer ")

    @property
    def is_inference(self) -> bool:
        return self.method == "POST" and self.path.endswith("/infer")

    @property
    def is_unlucky(self) -> bool:
        """One inference in seven: what goes wrong only among many. No number of rows that are asked divides by it."""
        return self.is_inference and self.number % 7 == 0


@dataclass
class Answer:
    """What would be answered; a fault changes it."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    def says(self, status: int, value: Any) -> "Answer":
        """Become another answer, in JSON."""
        self.status = status
        self.headers["content-type"] = JSON
        self.headers.pop("inference-header-content-length", None)
        return self.holds(json.dumps(value).encode())

    def holds(self, body: bytes) -> "Answer":
        """Get another body."""
        self.body = body
        if "content-length" in self.headers:
            self.headers["content-length"] = str(len(body))
        return self

    def without(self, *names: str) -> "Answer":
        """Lose headers."""
        for name in names:
            self.headers.pop(name, None)
        return self

    @property
    def is_json(self) -> bool:
        return self.headers.get("content-type") == JSON

    def edited(self, change: Callable[[Any], Any]) -> "Answer":
        """Have its JSON changed in place, or by what the change returns."""
        value = json.loads(self.body)
        changed = change(value)
        return self.holds(json.dumps(value if changed is None else changed, separators=(",", ":")).encode())


Change = Callable[[Request, Answer], Answer]


def unchanged(request: Request, answer: Answer) -> Answer:
    """Leave the answer as it is."""
    return answer


class Fault(NamedTuple):
    """One way to be wrong. found_by: the checks that are there to find it. first: answers before the application."""

    found_by: tuple[str, ...]
    change: Change = unchanged
    first: Callable[[Request], Answer | None] | None = None
