"""What a check is, and the ways in which it ends."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from services.conformance.http import Reply
    from services.conformance.target import Target

# protocol: what the V2 document and the extensions that a server advertises demand of any server. trivet: all of
# Trivet's own contract as well.
Level = Literal["protocol", "trivet"]
Run = Callable[["Target"], None]


class Failed(Exception):
    """The server did otherwise. expected: what the clause demands. reply: the answer that shows it, if one does."""

    def __init__(self, expected: str, reply: "Reply | None" = None) -> None:
        super().__init__(expected)
        self.expected = expected
        self.reply = reply


class Inapplicable(Exception):
    """The check has nothing to look at: an extension that is not advertised, a kind of tensor that no input has."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Check(NamedTuple):
    """One clause and the function that proves it. source: where the clause stands."""

    id: str
    clause: str
    source: str
    level: Level
    run: Run

    @property
    def group(self) -> str:
        """Return the part of the suite that the check belongs to."""
        return self.id.partition(".")[0]


def check(source: str, level: Level = "protocol") -> Callable[[Run], Check]:
    """Make a function into a Check, whose clause is the function's docstring."""

    def made(run: Run) -> Check:
        group = run.__module__.rpartition(".")[2]
        return Check(f"{group}.{run.__name__}", " ".join((run.__doc__ or "").split()), source, level, run)

    return made
