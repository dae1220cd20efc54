"""What the benchmark sends, and how it tells a right answer from a wrong one."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bench.recording import NO_RETRY_AFTER, RIGHT, WRONG_ANSWER
from services.load.http1 import Answer

# (head, body) of an answer → what it predicts, in the form of Workload.expected.
Read = Callable[[bytes, bytes], Any]

_RETRY_AFTER = re.compile(rb"\r\nretry-after: *[1-9]\d*(\r\n|$)", re.IGNORECASE)


@dataclass(frozen=True)
class Workload:
    """Requests to cycle through, as bytes ready to send.

    expected: for each request, what a right answer predicts. read: takes that out of an answer's head and body;
    whatever ValueError, LookupError or TypeError it raises makes the answer wrong.
    """

    requests: Sequence[bytes]
    expected: Sequence[Any]
    read: Read

    def request(self, index: int) -> bytes:
        return self.requests[index % len(self.requests)]

    def outcome(self, index: int, answer: Answer) -> int:
        """Return RIGHT, WRONG_ANSWER, NO_RETRY_AFTER or the answer's status."""
        if answer.status == RIGHT:
            try:
                found = self.read(answer.head, answer.body)
            except (ValueError, LookupError, TypeError):
                return WRONG_ANSWER
            return RIGHT if found == self.expected[index % len(self.requests)] else WRONG_ANSWER
        if answer.status in (429, 503) and not _RETRY_AFTER.search(answer.head):
            return NO_RETRY_AFTER
        return answer.status


def post(path: str, body: bytes, *, content_type: str = "application/json", headers: str = "") -> bytes:
    """Return the bytes of one POST request; headers: further lines, each with its CRLF."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {content_type}\r\n"
        f"Content-Length: {len(body)}\r\n{headers}\r\n"
    )
    return head.encode() + body
