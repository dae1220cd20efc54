"""How far long work is: one changing line on a terminal, a line now and then elsewhere."""

from typing import TextIO

# To the start of the line, and nothing after it.
ERASED = "\r\x1b[K"
# A terminal's line changes so often; elsewhere every line stays, so there are few.
TERMINAL_SECONDS, PLAIN_SECONDS = 0.5, 10.0


class ProgressLine:
    """The line on a stream. told_seconds: when it was told last, by the clock of whoever tells."""

    def __init__(self, stream: TextIO, told_seconds: float = 0.0) -> None:
        self.told_seconds = told_seconds
        self._stream = stream
        self._is_terminal = stream.isatty()
        self._every_seconds = TERMINAL_SECONDS if self._is_terminal else PLAIN_SECONDS

    def is_due(self, now_seconds: float) -> bool:
        """Whether it is time to tell again."""
        return now_seconds - self.told_seconds >= self._every_seconds

    def tell(self, now_seconds: float, text: str) -> None:
        """Tell, whether it is time or not."""
        self.told_seconds = now_seconds
        line = f"{ERASED}{text}" if self._is_terminal else f"{text}\n"
        print(line, end="", file=self._stream, flush=True)

    def end(self) -> None:
        """Leave nothing on a terminal's line."""
        if self._is_terminal:
            print(ERASED, end="", file=self._stream, flush=True)
