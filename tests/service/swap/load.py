"""Clients that send one request after the other, and look at every answer."""

import threading
import time
from collections import Counter, deque
from typing import Any, NamedTuple

import httpx

from tests.service.server import Server
from tests.service.swap.registry import BODY, V2, wrong_in


class Sent(NamedTuple):
    """One request: when it was sent, how long it took."""

    at: float
    seconds: float


class Load:
    """So many clients, from entering to leaving. wrong: what was untrue, or no answer."""

    def __init__(self, server: Server, digests: dict[str, str], clients: int = 4) -> None:
        self._server = server
        self._digests = digests
        self._threads = [threading.Thread(target=self._run) for _ in range(clients)]
        self._stop = threading.Event()
        self.statuses: Counter[int] = Counter()
        self.wrong: list[str] = []
        self.sent: list[Sent] = []
        self.versions: deque[str] = deque(maxlen=40)

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def all_serve(self, version: str) -> bool:
        """Whether the last answers, of all processes, are of this version only."""
        recent = list(self.versions)
        return len(recent) == self.versions.maxlen and set(recent) == {version}

    def _run(self) -> None:
        with self._server.client() as client:
            while not self._stop.is_set():
                at = time.monotonic()
                try:
                    reply = client.post(V2, json=BODY)
                except httpx.TransportError as error:
                    self.wrong.append(repr(error))
                    continue
                self.sent.append(Sent(at, time.monotonic() - at))
                self.statuses[reply.status_code] += 1
                if reply.status_code == 200:
                    answer = reply.json()
                    self.versions.append(answer["model_version"])
                    if untrue := wrong_in(answer, self._digests):
                        self.wrong.append(untrue)
