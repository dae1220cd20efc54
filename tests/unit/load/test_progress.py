"""What is told while a run goes on."""

import io
import signal

import numpy as np

from services.load.progress import Progress, stopping
from services.load.record import Recording
from services.progress_line import ERASED


class Terminal(io.StringIO):
    """A stream that somebody watches."""

    def isatty(self):
        return True


def told(stream):
    recording = Recording(seconds=20.0)
    progress = Progress(stream, recording, np.arange(2000) / 100, 20.0, "10/s: ")
    for number in range(1, 200):
        for at in range(10):
            recording.add(number / 10, 0.02, 500 if at == 0 else 200)
        progress.look(number / 10)
    progress.end()
    return stream.getvalue()


def test_a_terminal_has_one_line_that_changes():
    text = told(Terminal())

    assert text.count("\n") == 0
    assert 30 <= text.count(ERASED) <= 41
    assert text.endswith(ERASED)


def test_elsewhere_a_line_comes_every_ten_seconds():
    (line,) = told(io.StringIO()).splitlines()

    assert line == (
        "10/s: 10 s of 20 s: 100/s wanted, 90.0/s answered, p50 20.0 ms, p99 20.0 ms, 0 in flight, 100 errors"
    )


def test_ctrl_c_asks_once_and_then_is_the_systems_again():
    before = signal.getsignal(signal.SIGINT)
    with stopping() as stop:
        assert not stop.asked
        signal.raise_signal(signal.SIGINT)
        assert stop.asked
        assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL
    assert signal.getsignal(signal.SIGINT) is before
