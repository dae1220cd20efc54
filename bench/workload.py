"""What a load generator sends, and how it tells a right answer from a wrong one."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from bench.http1 import parse
from bench.recording import NO_RETRY_AFTER, RIGHT, WRONG_ANSWER

# Answers with a fresh id or date never repeat; the memo must not grow with them.
MEMO_ANSWERS = 2048

# (head, body) of an answer → what it predicts, in the form of Workload.expected.
Read = Callable[[bytes, bytes], Any]

_RETRY_AFTER = re.compile(rb"\r\nretry-after: *[1-9]\d*(\r\n|$)", re.IGNORECASE)


class Judgement(NamedTuple):
    """What an answer says: its outcome, what it predicts when that is RIGHT, and whether its connection ends."""

    outcome: int
    found: Any
    closes: bool


@dataclass(frozen=True)
class Workload:
    """Requests to cycle through, as bytes ready to send.

    expected: for each request, what a right answer predicts. read: takes that out of an answer's head and body;
    whatever ValueError, LookupError or TypeError it raises makes the answer wrong.
    """

    requests: Sequence[bytes]
    expected: Sequence[Any]
    read: Read
    memo: dict[bytes, Judgement] = field(default_factory=dict, repr=False, compare=False)

    def judge(self, data: bytes) -> Judgement | None:
        """Read an answer; None while it is not whole. Equal bytes are read once.

        Raises Unreadable when it is no HTTP/1.1 answer with a length.
        """
        answer = parse(data)
        if answer is None:
            return None
        outcome, found = answer.status, None
        if outcome == RIGHT:
            try:
                found = self.read(answer.head, answer.body)
            except (ValueError, LookupError, TypeError):
                outcome = WRONG_ANSWER
        elif outcome in (429, 503) and not _RETRY_AFTER.search(answer.head):
            outcome = NO_RETRY_AFTER
        if len(self.memo) >= MEMO_ANSWERS:
            self.memo.clear()
        judgement = self.memo[data] = Judgement(outcome, found, answer.closes)
        return judgement

    def outcome(self, index: int, judgement: Judgement) -> int:
        """Return the outcome of request `index` whose answer was judged so."""
        if judgement.outcome == RIGHT and judgement.found != self.expected[index % len(self.requests)]:
            return WRONG_ANSWER
        return judgement.outcome


def post(path: str, body: bytes, *, content_type: str = "application/json", headers: str = "") -> bytes:
    """Return the bytes of one POST request; headers: further lines, each with its CRLF."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {content_type}\r\n"
        f"Content-Length: {len(body)}\r\n{headers}\r\n"
    )
    return head.encode() + body
