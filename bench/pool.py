"""The connections of a load generator: sends, receives, judges and records; when to send is its caller's to say.

Written on epoll because the generator must not be the bottleneck: at 40,000 checked answers a second it uses about
0.6 of a core, where an asyncio client is slower than the fastest servers that it measures.
"""

import gc
import select
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bench.http1 import RECEIVE_BYTES, Connection, Unreadable
from bench.recording import LOST, NO_CONNECTION, TIMED_OUT, UNREADABLE, Recording
from bench.workload import Workload

clock = time.perf_counter


class Pool:
    """Up to `size` connections to one port; on_idle is called with each that may send again.

    busy: how many wait for an answer. Times are `clock()`; the recording counts them from start_seconds.
    """

    def __init__(self, port: int, workload: Workload, size: int, on_idle: Callable[[Connection], None]) -> None:
        self.port = port
        self.workload = workload
        self.size = size
        self.on_idle = on_idle
        self.recording = Recording()
        self.start_seconds = clock()
        self.open: dict[int, Connection] = {}
        self.epoll = select.epoll()
        self.busy = 0

    def send(self, connection: Connection, index: int, due_seconds: float) -> None:
        """Send request `index` of the workload, whose latency counts from due_seconds."""
        connection.index = index
        connection.due_seconds = due_seconds
        connection.busy = True
        self.busy += 1
        try:
            connection.send(self.workload.requests[index % len(self.workload.requests)])
        except OSError:
            self._drop(connection, LOST)

    def receive(self, timeout_seconds: float) -> None:
        """Handle what arrives within the time-out; return at once when something is there."""
        for fileno, _ in self.epoll.poll(timeout_seconds):
            self._on_readable(self.open[fileno])

    def connect(self, due_seconds: float) -> Connection | None:
        """Open one more connection for a request that was due then; a failure is that request's outcome, and None."""
        try:
            connection = Connection(self.port)
        except OSError:
            self.recording.add(due_seconds - self.start_seconds, clock() - due_seconds, NO_CONNECTION)
            return None
        self.open[connection.fileno] = connection
        self.epoll.register(connection.fileno, select.EPOLLIN)
        return connection

    def drop_late(self, timeout_seconds: float) -> None:
        """Give up the requests that were due longer ago than the time-out."""
        now = clock()
        for connection in list(self.open.values()):
            if connection.busy and now - connection.due_seconds > timeout_seconds:
                self._drop(connection, TIMED_OUT)

    def _on_readable(self, connection: Connection) -> None:
        try:
            data = connection.recv(RECEIVE_BYTES)
            judgement = None if connection.buffer else self.workload.memo.get(data)
            if judgement is None:
                if not data:
                    self._drop(connection, LOST)
                    return
                data = connection.buffer + data
                judgement = self.workload.judge(data)
                connection.buffer = data if judgement is None else b""
                if judgement is None:
                    return
        except Unreadable:
            self._drop(connection, UNREADABLE)
            return
        except OSError:
            self._drop(connection, LOST)
            return
        due_seconds = connection.due_seconds
        outcome = self.workload.outcome(connection.index, judgement)
        self.recording.add(due_seconds - self.start_seconds, clock() - due_seconds, outcome)
        connection.busy = False
        self.busy -= 1
        if judgement.closes:
            self._forget(connection)
        else:
            self.on_idle(connection)

    def _drop(self, connection: Connection, outcome: int) -> None:
        if connection.busy:  # an idle connection that the server closes loses nothing
            waited_seconds = clock() - connection.due_seconds
            self.recording.add(connection.due_seconds - self.start_seconds, waited_seconds, outcome)
            connection.busy = False
            self.busy -= 1
        self._forget(connection)

    def _forget(self, connection: Connection) -> None:
        del self.open[connection.fileno]
        connection.close()


@contextmanager
def measuring(pool: Pool) -> Iterator[Recording]:
    """Start the pool's time, keep the garbage collector out of it, and close everything at the end."""
    gc_was_enabled = gc.isenabled()
    gc.disable()
    cpu_seconds = time.thread_time()
    pool.start_seconds = clock()
    recording = pool.recording
    try:
        yield recording
    finally:
        recording.seconds = recording.seconds or clock() - pool.start_seconds
        recording.generator_cpu_ratio = (time.thread_time() - cpu_seconds) / (clock() - pool.start_seconds)
        for connection in pool.open.values():
            connection.close()
        pool.epoll.close()
        if gc_was_enabled:
            gc.enable()
