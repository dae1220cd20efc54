"""Thousands of requests, good and bad, the same ones for the same seed: a good one first, then up to three changes."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random
from typing import Any

from tests.service.facts import Facts
from tests.service.parity import bodies, damage
from tests.service.parity.exchange import Request

JSON = ("Content-Type", "application/json")
UNKNOWN_PATHS = (
    "/",
    "/nothing",
    "/v1/models",
    "/v2/models",
    "/v2/repository",
    "/v2/models//infer",
    "/predict/",
    "/favicon.ico",
)
OPEN_GETS = ("/health", "/v2/health/live", "/v2/health/ready", "/metrics")
DOCS = ("/docs", "/openapi.json", "/docs/nothing.js")
# Among so many requests one is damaged in so many ways: most are answered by the model, most of the rest say why not.
CHANGES = (0, 0, 0, 1, 1, 1, 1, 2, 2, 3)


class Generator:
    """The requests to one server. facts: of its model. key: what a good request carries, where the server asks for one.

    limited: it has the settings of LIMITS, so that small requests can be too large.
    """

    def __init__(self, facts: Facts, *, key: str | None = None, admin_key: str | None = None, limited: bool = False):
        self._facts = facts
        self._key = key
        self._admin_key = admin_key
        self._limited = limited
        self._forms: dict[Callable[[Random], Request], int] = {
            self._predict: 20,
            self._predict_batch: 15,
            self._infer: 28,
            self._infer_binary: 18,
            self._metadata: 8,
            self._stats: 3,
            self._open: 3,
            self._docs: 1,
            self._index: 3,
            self._feedback: 4,
            self._administration: 2,
            self._unknown: 3,
        }

    def requests(self, seed: int, count: int) -> Iterator[Request]:
        """Yield so many requests; each is the same whatever comes before it."""
        forms, weights = list(self._forms), list(self._forms.values())
        for index in range(count):
            random = Random(f"{seed} {self._facts.name} {index}")
            request = self._with_key(random, random.choices(forms, weights)[0](random))
            for _ in range(random.choice(CHANGES)):
                request = damage.damaged(random, request, limited=self._limited)
            yield request

    def unloading(self) -> list[Request]:
        """Return what shows that a model is gone, and back again."""
        model, repository = f"/v2/models/{self._facts.name}", f"/v2/repository/models/{self._facts.name}"
        looks = [
            _post("unloaded, predict", "/predict", b'{"features":[1,2,3,4]}'),
            _post("unloaded, infer", f"{model}/infer", b'{"inputs":[]}'),
            *(Request("unloaded", "GET", path) for path in ("/health", "/v2/health/ready", f"{model}/ready", model)),
            _post("unloaded, index", "/v2/repository/index", b""),
            Request("stats, unloaded", "GET", "/v2/models/stats"),
        ]
        steps = (_post("unload", f"{repository}/unload", b""), _post("load after unload", f"{repository}/load", b""))
        every = [steps[0], *looks, steps[0], steps[1], *looks]
        return [replace(one, headers=(*one.headers, ("X-Api-Key", str(self._admin_key)))) for one in every]

    def _with_key(self, random: Random, request: Request) -> Request:
        if self._key is None:
            return request
        keys = (
            *[("X-Api-Key", self._key)] * 20,
            ("Authorization", f"Bearer {self._key}"),
            ("X-Api-Key", str(self._admin_key)),
            ("X-Api-Key", "wrong"),
            ("Authorization", "Basic YWJj"),
            ("X-Nothing", "no key"),
        )
        return replace(request, headers=(*request.headers, random.choice(keys)))

    def _predict(self, random: Random) -> Request:
        message = {"features": bodies.row(random, self._facts)}
        return _post("predict", "/predict", bodies.json_body(random, message))

    def _predict_batch(self, random: Random) -> Request:
        count = 60 if self._limited and not random.randrange(20) else random.randrange(1, 6)
        message = {"inputs": [bodies.row(random, self._facts) for _ in range(count)]}
        return _post("predict/batch", "/predict/batch", bodies.json_body(random, message))

    def _infer(self, random: Random) -> Request:
        message = bodies.infer(random, self._facts)
        return _post("infer", self._infer_path(random), bodies.json_body(random, message))

    def _infer_binary(self, random: Random) -> Request:
        json_part, tail = bodies.infer_binary(random, self._facts)
        lengths = (
            *[len(json_part)] * 12,
            len(json_part) - 1,
            len(json_part) + 1,
            0,
            -1,
            10**6,
            10**30,
            "",
            "abc",
            "1.0",
        )
        headers = [("Inference-Header-Content-Length", str(random.choice(lengths)))]
        types = ("application/octet-stream", "application/octet-stream", "application/json", "text/plain")
        if random.randrange(4):
            headers.append(("Content-Type", random.choice(types)))
        return Request("infer, binary", "POST", self._infer_path(random), tuple(headers), json_part + tail)

    def _infer_path(self, random: Random) -> str:
        name = self._facts.name
        return random.choice((*[f"/v2/models/{name}/infer"] * 4, f"/v2/models/{name}/versions/0/infer"))

    def _metadata(self, random: Random) -> Request:
        model = f"/v2/models/{self._facts.name}"
        paths = ("/v2", "/v2/", model, f"{model}/versions/0", f"{model}/ready", f"{model}/versions/0/ready")
        return Request("metadata", "GET", random.choice(paths))

    def _stats(self, random: Random) -> Request:
        model = f"/v2/models/{self._facts.name}"
        return Request(
            "stats", "GET", random.choice(("/v2/models/stats", f"{model}/stats", f"{model}/versions/0/stats"))
        )

    def _open(self, random: Random) -> Request:
        path = random.choice(OPEN_GETS)
        return Request("metrics" if path == "/metrics" else "health", "GET", path)

    def _docs(self, random: Random) -> Request:
        return Request("docs", "GET", random.choice(DOCS))

    def _index(self, random: Random) -> Request:
        body = random.choice(({}, {"ready": True}, {"ready": False}, {"ready": 1}, None))
        content = b"" if body is None else bodies.json_body(random, body)
        return _post("repository index", "/v2/repository/index", content)

    def _feedback(self, random: Random) -> Request:
        truths = (*self._facts.predictions[:3], None, [1, 2], {"a": 1}, 10**30, math.pi)
        message: dict[str, Any] = {
            "request_id": random.choice(("abc", "", "f" * 40, 7)),
            "truth": random.choice(truths),
        }
        return _post("feedback", "/feedback", bodies.json_body(random, message))

    def _administration(self, random: Random) -> Request:
        """Return a load; unloading is for a sequence of its own."""
        name = random.choice((self._facts.name, "unknown"))
        request = _post(
            "load", f"/v2/repository/models/{name}/load", random.choice((b"", b"{}", b'{"parameters":{"a":[]}}'))
        )
        key = [("X-Api-Key", self._admin_key)] if self._admin_key and random.randrange(2) else []
        return replace(request, headers=(*request.headers, *key))

    def _unknown(self, random: Random) -> Request:
        return Request("unknown path", random.choice(("GET", "POST", "HEAD")), random.choice(UNKNOWN_PATHS))


def _post(kind: str, path: str, body: bytes) -> Request:
    return Request(kind, "POST", path, (JSON,), body)
