"""The connections of the load generator: sends, receives, and records; when to send is its caller's to say.

Written on bare sockets because the generator must not be the bottleneck: asyncio's layers cost time for each request,
and its timers count in milliseconds on epoll, so that requests would leave in bursts.
"""

import gc
import select
import selectors
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from services.load.connection import READ, Address, Connection
from services.load.http1 import Answer, Unreadable, parse, size_of
from services.load.record import LOST, NO_CONNECTION, TIMED_OUT, UNREADABLE, Recording

# select returns late by about so much; the rest of the way to a send is spent looking at the clock.
SPIN_SECONDS = 0.0001

clock = time.perf_counter


class Workload(Protocol):
    """What is sent, and what an answer to it means."""

    def request(self, index: int) -> bytes:
        """Return the bytes of request number `index`."""

    def outcome(self, index: int, answer: Answer) -> int:
        """Return the outcome to record for an answer to request number `index`."""


class Client:
    """Up to `most` connections to one address. Its times are seconds since its start.

    busy: how many wait for an answer. on_idle: called with each connection that may send again.
    """

    def __init__(
        self,
        address: Address,
        workload: Workload,
        most: int,
        recording: Recording,
        on_idle: Callable[[Connection], None] | None = None,
    ) -> None:
        self.address = address
        self.workload = workload
        self.most = most
        self.recording = recording
        self.open: dict[int, Connection] = {}
        self.busy = 0
        self._idle: deque[Connection] = deque()
        self._on_idle = on_idle or self._idle.append
        self._selector = selectors.DefaultSelector()
        self._start_seconds = clock()

    def now(self) -> float:
        """Return the seconds since the start."""
        return clock() - self._start_seconds

    def send(self, index: int, due_seconds: float) -> bool:
        """Send a request on a connection that is idle, or on a new one; return False when all are busy.

        A connection that cannot be opened is the request's outcome.
        """
        connection = self._take()
        if connection is None:
            if len(self.open) >= self.most:
                return False
            connection = self.connect(due_seconds)
        if connection is not None:
            self.send_on(connection, index, due_seconds)
        return True

    def connect(self, due_seconds: float) -> Connection | None:
        """Begin to open one more connection; a failure is the outcome of a request that was due then, and None."""
        try:
            connection = Connection(self.address)
        except OSError:
            self.recording.add(due_seconds, self.now() - due_seconds, NO_CONNECTION)
            return None
        self.open[connection.fileno] = connection
        self._selector.register(connection.fileno, connection.wants)
        return connection

    def send_on(self, connection: Connection, index: int, due_seconds: float) -> None:
        """Send request number `index` on an idle connection; its latency counts from due_seconds."""
        connection.index = index
        connection.due_seconds = due_seconds
        connection.busy = True
        self.busy += 1
        self.recording.in_flight_most = max(self.recording.in_flight_most, self.busy)
        connection.sent_seconds = self.now()
        self.recording.sent.append(connection.sent_seconds)
        wanted = connection.wants
        try:
            connection.send(self.workload.request(index))
        except OSError:
            self._drop(connection, LOST)
            return
        if connection.wants != wanted:
            self._selector.modify(connection.fileno, connection.wants)

    def wait(self, until_seconds: float) -> None:
        """Handle what arrives until then; return early when something did.

        It sleeps on select, which is exact to some 50 us where epoll counts in milliseconds.
        """
        pause_seconds = until_seconds - self.now() - SPIN_SECONDS
        if pause_seconds > 0:
            select.select([self._selector], [], [], pause_seconds)
        for key, _ in self._selector.select(0):
            connection = self.open.get(key.fd)
            if connection is not None:
                self._on_event(connection)

    def drop_late(self, timeout_seconds: float) -> None:
        """Give up the requests that were sent longer ago than the time-out.

        Not those that were due so long ago: one that waited for a connection would be given up as soon as it is sent,
        the next on its new connection, too, and no answer would ever be seen again.
        """
        now = self.now()
        for connection in list(self.open.values()):
            if connection.busy and now - connection.sent_seconds > timeout_seconds:
                self._drop(connection, NO_CONNECTION if connection.opening else TIMED_OUT)

    @contextmanager
    def measuring(self) -> Iterator[Recording]:
        """Start the time, keep the garbage collector out of it, and close everything at the end."""
        gc_was_enabled = gc.isenabled()
        gc.disable()
        cpu_seconds = time.thread_time()
        self._start_seconds = clock()
        try:
            yield self.recording
        finally:
            self.recording.seconds = self.recording.seconds or self.now()
            self.recording.generator_cpu_ratio = (time.thread_time() - cpu_seconds) / self.now()
            for connection in self.open.values():
                connection.close()
            self._selector.close()
            if gc_was_enabled:
                gc.enable()

    def _take(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()  # the one used last: a light load stays on few connections
            if self.open.get(connection.fileno) is connection:  # and not closed by the server meanwhile
                return connection
        return None

    def _on_event(self, connection: Connection) -> None:
        try:
            if connection.opening or connection.wants != READ:
                wanted = connection.wants
                connection.advance()
                if connection.wants != wanted:
                    self._selector.modify(connection.fileno, connection.wants)
                if connection.opening:
                    return
            self._on_data(connection, connection.receive())
        except Unreadable:
            self._drop(connection, UNREADABLE)
        except OSError:
            self._drop(connection, NO_CONNECTION if connection.opening else LOST)

    def _on_data(self, connection: Connection, data: bytes | None) -> None:
        if data is None:
            return
        if not data:
            self._drop(connection, LOST)
            return
        if connection.received:
            connection.received += data
            if len(connection.received) < connection.size:
                return
            data = bytes(connection.received)
        answer = parse(data)
        if answer is None:
            connection.received = bytearray(data)
            connection.size = size_of(data)
            return
        self._on_answer(connection, answer)

    def _on_answer(self, connection: Connection, answer: Answer) -> None:
        if not connection.busy:
            raise Unreadable("an answer that nobody asked for")
        connection.received.clear()
        due_seconds = connection.due_seconds
        self.recording.add(due_seconds, self.now() - due_seconds, self.workload.outcome(connection.index, answer))
        connection.busy = False
        self.busy -= 1
        if answer.closes:
            self._forget(connection)
        else:
            self._on_idle(connection)

    def _drop(self, connection: Connection, outcome: int) -> None:
        if connection.busy:  # an idle connection that the server closes loses nothing
            due_seconds = connection.due_seconds
            self.recording.add(due_seconds, self.now() - due_seconds, outcome)
            connection.busy = False
            self.busy -= 1
        self._forget(connection)

    def _forget(self, connection: Connection) -> None:
        del self.open[connection.fileno]
        self._selector.unregister(connection.fileno)
        connection.close()
