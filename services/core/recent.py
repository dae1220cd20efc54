"""The last answered requests of one model, in memory: another version answers them too before it takes over."""

from collections import deque
from typing import NamedTuple

from services.core.answers import prediction_of
from services.core.tensors import Array, Tensors, size_of


class Answered(NamedTuple):
    """One request, and what was predicted for it."""

    inputs: Tensors
    prediction: Array
    rows: int


class Recent:
    """A bounded memory: the oldest go first. A request that alone is over a bound is never kept.

    max_rows: 0 keeps nothing. max_bytes: of all tensors; those of strings count their references only.
    """

    def __init__(self, max_rows: int, max_bytes: int) -> None:
        self._max_rows = max_rows
        self._max_bytes = max_bytes
        self._kept: deque[tuple[Answered, int]] = deque()
        self._bytes = 0
        self.rows = 0

    def keep(self, inputs: Tensors, outputs: Tensors, rows: int) -> None:
        """Remember one request. The tensors are kept as they are, and nobody changes them."""
        if rows > self._max_rows:
            return
        prediction = prediction_of(outputs)
        size = size_of(inputs) + prediction.nbytes
        if size > self._max_bytes:
            return
        self._kept.append((Answered(inputs, prediction, rows), size))
        self.rows += rows
        self._bytes += size
        while self.rows > self._max_rows or self._bytes > self._max_bytes:
            oldest, oldest_size = self._kept.popleft()
            self.rows -= oldest.rows
            self._bytes -= oldest_size

    def answered(self) -> list[Answered]:
        """Return what is kept, oldest first; any thread may ask."""
        kept = tuple(self._kept)  # in one step, as a thread that checks a new version needs it
        return [answered for answered, _ in kept]
