"""What is told while a run goes on, and how it is stopped."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TextIO

import numpy as np

from services.load.quantities import significant, written
from services.load.record import Recording, Seconds
from services.progress_line import ProgressLine


class Stop:
    """Whether somebody asked to stop."""

    def __init__(self) -> None:
        self.asked = False

    def ask(self, number: int, _frame: FrameType | None) -> None:
        """Ask, as a handler of a signal; a second one is not ours to handle."""
        self.asked = True
        signal.signal(number, signal.SIG_DFL)


@contextmanager
def stopping() -> Iterator[Stop]:
    """Let Ctrl-C and SIGTERM stop what goes on in an orderly way."""
    stop = Stop()
    before = {number: signal.signal(number, stop.ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Progress:
    """Tells of a run. times: when requests are due. seconds: how long they are. said: what stands before each line."""

    def __init__(self, stream: TextIO, recording: Recording, times: Seconds, seconds: float, said: str = "") -> None:
        self._shown = ProgressLine(stream)
        self._recording = recording
        self._times = times
        self._seconds = seconds
        self._said = said
        self._told_count = 0
        self.end = self._shown.end

    def look(self, now: float) -> None:
        """Tell, if it is time to."""
        if self._shown.is_due(now):
            line = self._line(now)
            self._told_count = len(self._recording.outcome)
            self._shown.tell(now, line)

    def _line(self, now: float) -> str:
        recording, first = self._recording, self._told_count
        outcome = np.array(recording.outcome[first:])
        latency = np.array(recording.latency[first:])
        good = latency[(outcome >= 200) & (outcome < 300)]
        passed = now - self._shown.told_seconds
        due = np.searchsorted(self._times, [self._shown.told_seconds, now])
        p50, p99 = np.percentile(good, (50, 99)) if len(good) else (np.nan, np.nan)
        waiting = int(due[1]) - len(recording.outcome)
        return (
            f"{self._said}{now:.0f} s of {self._seconds:.0f} s: {significant((due[1] - due[0]) / passed)}/s wanted, "
            f"{significant(len(good) / passed)}/s answered, p50 {written(p50)}, p99 {written(p99)}, "
            f"{waiting} in flight, {len(outcome) - len(good)} errors"
        )
