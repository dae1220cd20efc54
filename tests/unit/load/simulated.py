"""A server and its connections on a clock of their own: one request after the other, with a stall where asked."""

from collections import deque

from services.load.record import TIMED_OUT, Recording

OK = 200


class Simulated:
    """A sender whose time passes only when it waits; a send takes send_seconds of the generator's own time."""

    def __init__(
        self, recording: Recording, *, service_seconds=0.001, stall=(0.0, 0.0), connections=10_000, send_seconds=0.0
    ) -> None:
        self.busy = 0
        self._recording = recording
        self._service_seconds = service_seconds
        self._stall_seconds, self._stall_length_seconds = stall
        self._connections = connections
        self._send_seconds = send_seconds
        self._now = 0.0
        self._free_seconds = 0.0
        self._sent: deque[tuple[float, float]] = deque()

    def now(self) -> float:
        return self._now

    def send(self, index: int, due_seconds: float) -> bool:
        if self.busy == self._connections:
            return False
        self._now += self._send_seconds
        start = max(self._now, self._free_seconds)
        if self._stall_seconds <= start < self._stall_seconds + self._stall_length_seconds:
            start = self._stall_seconds + self._stall_length_seconds
        self._free_seconds = start + self._service_seconds
        self._recording.sent.append(self._now)
        self._sent.append((self._free_seconds, due_seconds))
        self.busy += 1
        return True

    def wait(self, until_seconds: float) -> None:
        next_seconds = self._sent[0][0] if self._sent else until_seconds
        self._now = max(self._now, min(until_seconds, next_seconds))
        while self._sent and self._sent[0][0] <= self._now:
            ended_seconds, due_seconds = self._sent.popleft()
            self._recording.add(due_seconds, ended_seconds - due_seconds, OK)
            self.busy -= 1

    def drop_late(self, timeout_seconds: float) -> None:
        while self._sent and self._now - self._sent[0][1] > timeout_seconds:
            _, due_seconds = self._sent.popleft()
            self._recording.add(due_seconds, self._now - due_seconds, TIMED_OUT)
            self.busy -= 1
