"""How long and how often a scenario measures, and where."""

import sys
from dataclasses import dataclass

# What servers put off until after their start is done by then: Trivet's prediction log imports SQLAlchemy and makes its
# tables beside the first requests, half a second of work.
SETTLED_SECONDS = 3.0


@dataclass(frozen=True)
class Options:
    """rounds: how often everything is measured, interleaved. seconds: how long each measurement takes.

    only: measure no server whose name does not contain it.
    """

    rounds: int
    seconds: float
    overload_seconds: float
    only: str
    server_core: set[int]
    load_core: set[int]

    @property
    def all_cores(self) -> set[int]:
        return self.server_core | self.load_core

    @property
    def warm_up_seconds(self) -> float:
        return min(SETTLED_SECONDS, 3 * self.seconds)

    def say(self, line: str) -> None:
        """Tell what is being measured; standard output is for the results."""
        print(line, file=sys.stderr, flush=True)
