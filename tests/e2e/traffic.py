"""Constant traffic through the gateway, at a rate that does not follow how fast answers come."""

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from types import TracebackType
from typing import NamedTuple

GATEWAY = ("127.0.0.1", 8080)
INFER = "/v2/models/iris-classifier/infer"
BODY = json.dumps(
    {"inputs": [{"name": "features", "shape": [1, 4], "datatype": "FP64", "data": [5.1, 3.5, 1.4, 0.2]}]}
).encode()
# Longer than any answer takes, shorter than Envoy's own fifteen seconds would hide.
ANSWER_SECONDS = 10
# What a client is to expect at any time: an answer, or to be told to come back.
GOOD = {200, 429}
SHOWN_FAILURES = 5


class Answer(NamedTuple):
    """What came of a request. after: seconds from the start of the traffic. engine: who says to have answered."""

    after: float
    outcome: int | str
    engine: str
    text: str


@dataclass
class Traffic:
    """A context manager: sends while the block runs, and fails at its end if an answer was other than 200 or 429.

    host: whose route is taken. rate: requests a second, half of them on connections that are kept.
    """

    host: str
    rate: float = 20
    senders: int = 4
    path: str = INFER
    answers: list[Answer] = field(default_factory=list)

    def __enter__(self) -> "Traffic":
        self._started = time.monotonic()
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._send, args=(number,)) for number in range(self.senders)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()
        failures = [answer for answer in sorted(self.answers) if answer.outcome not in GOOD]
        if failures and error is None:
            raise AssertionError(f"{len(failures)} of {len(self.answers)} requests failed:\n{_told(failures)}")
        assert error or self.engines(), "nothing was sent"
        if error is not None:
            error.add_note(f"Traffic: {dict(Counter(answer.outcome for answer in self.answers))}\n{_told(failures)}")

    def engines(self) -> Counter[str]:
        """Count the answers by engine."""
        return Counter(answer.engine for answer in self.answers if answer.engine)

    def _send(self, number: int) -> None:
        """Send at fixed times; one that is late is sent at once, so that a slow answer does not lower the rate."""
        kept = http.client.HTTPConnection(*GATEWAY, timeout=ANSWER_SECONDS) if number % 2 else None
        for due in self._times(number):
            if self._ended.wait(max(0.0, due - time.monotonic())):
                break
            if kept:
                self.answers.append(self._ask(kept))
            else:
                with closing(http.client.HTTPConnection(*GATEWAY, timeout=ANSWER_SECONDS)) as connection:
                    self.answers.append(self._ask(connection))
        if kept:
            kept.close()

    def _times(self, number: int) -> Iterator[float]:
        due = self._started + number / self.rate
        while True:
            yield due
            due += self.senders / self.rate

    def _ask(self, connection: http.client.HTTPConnection) -> Answer:
        after = time.monotonic() - self._started
        try:
            connection.request("POST", self.path, BODY, {"Host": self.host, "Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read().decode(errors="replace")
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            return Answer(after, repr(error), "", "")
        engine = json.loads(text)["parameters"]["engine"] if answer.status == http.client.OK else ""
        return Answer(after, answer.status, engine, text)


def _told(failures: list[Answer]) -> str:
    return "\n".join(f"  after {one.after:.2f} s: {one.outcome} {one.text}" for one in failures[:SHOWN_FAILURES])
