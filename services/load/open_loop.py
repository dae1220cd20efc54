"""An open loop: every request at its intended time, whatever the server does.

Latency counts from that time, so that a server that stalls cannot hide the requests it delayed ("coordinated omission":
Gil Tene, "How NOT to Measure Latency").
"""

import math
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from services.load.record import UNSENT, Recording

# How often the loop looks for what has waited too long, and whether it should end.
LOOK_SECONDS = 0.1


class Sender(Protocol):
    """What the loop asks of a client; `services.load.client.Client` is one. Times are seconds since the start."""

    busy: int

    def now(self) -> float:
        """Return the time."""

    def send(self, index: int, due_seconds: float) -> bool:
        """Send a request; return False when as many as allowed are on their way."""

    def wait(self, until_seconds: float) -> None:
        """Take in answers until then, or until some have come."""

    def drop_late(self, timeout_seconds: float) -> None:
        """Give up what was sent longer ago than that."""


def run(
    sender: Sender,
    times: Sequence[float],
    recording: Recording,
    *,
    timeout_seconds: float,
    on_look: Callable[[float], float | None] = lambda _now: None,
) -> None:
    """Send each request at its time, and wait for the answers.

    times: in seconds from the start, rising. A request that finds every connection busy waits for one, and its latency
    grows; what is not even sent timeout_seconds after it was due is recorded as such.
    on_look: told the time every LOOK_SECONDS. A number ends the sending: for so many more seconds answers are taken in.
    """
    waiting: deque[int] = deque()
    due, total = 0, len(times)
    look_seconds, end_seconds = 0.0, math.inf
    while due < total or waiting or sender.busy:
        now = sender.now()
        while waiting and _leaves(sender, waiting[0], times, recording, timeout_seconds):
            waiting.popleft()
        while due < total and times[due] <= now:
            # Looked at anew for each: sending many at once takes its time, too.
            recording.lateness.append(sender.now() - times[due])
            if waiting or not sender.send(due, times[due]):
                waiting.append(due)
            due += 1
        if now >= look_seconds:
            sender.drop_late(timeout_seconds)
            look_seconds = now + LOOK_SECONDS
            rest_seconds = on_look(now)
            if rest_seconds is not None and end_seconds == math.inf:
                end_seconds, total = now + rest_seconds, due
                waiting.clear()
            if now >= end_seconds:
                return
        sender.wait(min(times[due], look_seconds) if due < total else look_seconds)


def _leaves(sender: Sender, index: int, times: Sequence[float], recording: Recording, timeout_seconds: float) -> bool:
    """Whether a request that waited need not wait any longer: it was sent, or given up."""
    waited_seconds = sender.now() - times[index]
    if waited_seconds > timeout_seconds:
        recording.add(times[index], waited_seconds, UNSENT)
        return True
    return sender.send(index, times[index])
