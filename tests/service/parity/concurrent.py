"""Many clients at once, each with its own rows: equal labels and almost equal numbers, whatever batch they were in."""

import json
import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any

from tests.service.facts import Facts
from tests.service.parity import bodies
from tests.service.parity.comparing import Difference
from tests.service.parity.exchange import Reply, Request, ask_all
from tests.service.parity.json_text import text

REQUESTS = 240
CLIENTS = 16
MOST_ROWS = 5
# Batches of other sizes differ in the last digits of a float32: 1e-6 of the value, or of 1 where that is more.
TOLERANCE = 1e-6


def requests(facts: Facts, seed: int, *, key: str | None = None, count: int = REQUESTS) -> list[Request]:
    """Return good requests, no two with the same rows, each with an id that says which it is."""
    random = Random(f"{seed} {facts.name} rows")
    headers = (("Content-Type", "application/json"), *([("X-Api-Key", key)] if key else []))
    found = []
    for number in range(count):
        rows = [bodies.row(random, facts) for _ in range(1 + number % MOST_ROWS)]
        mine = (*headers, ("X-Request-Id", f"row-{number}"))
        body = text({"inputs": rows}).encode()
        found.append(Request("rows", "POST", "/predict/batch", mine, body))
    return found


def ask_together(port: int, wanted: Sequence[Request], clients: int = CLIENTS) -> list[Reply]:
    """Send requests from so many clients at once, and return their replies in order."""
    with ThreadPoolExecutor(clients) as pool:
        shares = pool.map(lambda first: ask_all(port, list(wanted[first::clients])), range(clients))
    replies: list[Reply] = [Reply(0, {}, b"")] * len(wanted)
    for first, share in enumerate(shares):
        replies[first::clients] = share
    return replies


def disagreements(wanted: Sequence[Request], expected: Sequence[Reply], found: Sequence[Reply]) -> list[Difference]:
    """Compare labels and numbers of good answers; two labels may differ where both are as probable."""
    every = []
    for request, one, other in zip(wanted, expected, found, strict=True):
        if one.status != 200 or other.status != 200:
            every.append(Difference(request, "status", one.status, other.status))
        elif one.headers["x-request-id"] != other.headers.get("x-request-id"):
            every.append(Difference(request, "x-request-id", one.headers, other.headers))
        elif not _agree(json.loads(one.body), json.loads(other.body)):
            every.append(Difference(request, "rows", one.body, other.body))
    return every


def _agree(expected: dict[str, Any], found: dict[str, Any]) -> bool:
    if expected.keys() != found.keys() or len(expected["predictions"]) != len(found["predictions"]):
        return False
    probabilities = expected.get("probabilities")
    if not _close(probabilities, found.get("probabilities")):
        return False
    pairs = zip(expected["predictions"], found["predictions"], strict=True)
    return all(_close(one, other) or _is_tie(probabilities, row) for row, (one, other) in enumerate(pairs))


def _close(expected: Any, found: Any) -> bool:
    if isinstance(expected, list) and isinstance(found, list):
        return len(expected) == len(found) and all(map(_close, expected, found))
    if isinstance(expected, float) and isinstance(found, float):
        return math.isclose(expected, found, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return bool(expected == found)


def _is_tie(probabilities: Any, row: int) -> bool:
    if probabilities is None:
        return False
    second, first = sorted(probabilities[row])[-2:]
    return bool(first - second <= 2 * TOLERANCE)
