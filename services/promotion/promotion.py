"""A promotion that takes itself back: evidence first, then the alias, then a watch, then perhaps the alias again."""

import time
from collections.abc import Callable
from typing import Literal, Protocol

import msgspec

from services.core.errors import TrivetError
from services.promotion.burn import Burn, Say, Verdict, Watch, follow, measure
from services.promotion.evidence import Asked, Finding, Kind, Thresholds, examine

# A registry that does not answer just when the alias must go back is asked again.
TRIES = 3
RETRY_SECONDS = 5.0

Outcome = Literal["promoted", "refused", "rolled_back", "left", "stopped"]
EXIT_CODES: dict[Outcome, int] = {"promoted": 0, "refused": 1, "rolled_back": 3, "left": 4, "stopped": 130}


class Aliases(Protocol):
    """The registry, as far as it is needed here."""

    def current(self, name: str, alias: str) -> str | None:
        """Return the version that an alias points at."""

    def promote(self, name: str, version: str, alias: str) -> object:
        """Point an alias at a version, which remembers the one before."""

    def roll_back(self, name: str, alias: str) -> object:
        """Point an alias at the version before."""


class Order(msgspec.Struct, frozen=True):
    """What is to be promoted, and what it has to keep before and after."""

    name: str
    version: str
    alias: str
    kind: Kind
    thresholds: Thresholds
    watch: Watch

    def __str__(self) -> str:
        return f"models:/{self.name}@{self.alias}"


class Result(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a promotion went. version: where the alias points now, as far as this promotion knows."""

    name: str
    alias: str
    outcome: Outcome
    version: str
    reason: str
    findings: list[Finding] = []

    @property
    def exit_code(self) -> int:
        """Of the command."""
        return EXIT_CODES[self.outcome]


class Promotion:
    """One promotion. wait: sleeps for so many seconds."""

    def __init__(
        self,
        order: Order,
        asked: Asked,
        aliases: Aliases,
        say: Say,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._order = order
        self._asked = asked
        self._aliases = aliases
        self._say = say
        self._clock = clock
        self._wait = wait
        self._findings: list[Finding] = []

    def run(self) -> Result:
        """Promote, watch, and take it back where that is called for. Raises TrivetError when nothing was moved."""
        order = self._order
        before = self._aliases.current(order.name, order.alias)
        if refusal := self._refusal(before):
            return self._result("refused", before or "", refusal)
        self._aliases.promote(order.name, order.version, order.alias)
        self._say(f"promoted  {order} is version {order.version}; before: version {before}")
        try:
            verdict = self._watch()
        except KeyboardInterrupt:
            stays = f"nobody watches {order}, which stays at version {order.version}"
            return self._result("stopped", order.version, f"{stays}: `trivet rollback {order.name}` moves it back")
        if verdict.outcome == "healthy":
            return self._result("promoted", order.version, verdict.reason)
        return self._take_back(before or "", verdict)

    def _refusal(self, before: str | None) -> str:
        """Return why the alias is not to be moved, if so."""
        order = self._order
        if before is None:
            return f"{order} points nowhere, so there is no way back: promote the first version without --if-healthy"
        if before == order.version:
            return f"{order} is version {order.version} already"
        try:
            self._findings = examine(self._asked, order.name, order.version, order.kind, order.thresholds)
        except TrivetError as error:
            return f"the {order.kind} of version {order.version} is not known to be healthy: {error.message}"
        for finding in self._findings:
            self._say(f"{'healthy  ' if finding.healthy else 'UNHEALTHY'} {finding.said}")
        unhealthy = [finding.said for finding in self._findings if not finding.healthy]
        return (
            f"the {order.kind} of version {order.version} is not healthy: {'; '.join(unhealthy)}" if unhealthy else ""
        )

    def _watch(self) -> Verdict:
        order, watch = self._order, self._order.watch

        def burn() -> Burn:
            return measure(self._asked, order.name, order.version, watch)

        return follow(burn, watch, self._clock, self._wait, self._say)

    def _take_back(self, before: str, verdict: Verdict) -> Result:
        """Move the alias back, unless somebody has moved it since."""
        order, reason = self._order, ""
        for attempt in range(TRIES):
            if attempt:
                self._wait(RETRY_SECONDS)
            try:
                now = self._aliases.current(order.name, order.alias)
                if now != order.version:
                    return self._result("left", now or "", f"{verdict.reason}; the alias has been moved since")
                self._aliases.roll_back(order.name, order.alias)
                return self._result("rolled_back", before, verdict.reason)
            except Exception as error:  # whatever MLflow raises
                reason = error.message if isinstance(error, TrivetError) else repr(error)
        remedy = f"`trivet rollback {order.name}` moves it back"
        return self._result(
            "left", order.version, f"{verdict.reason}; the alias could not be moved: {reason}; {remedy}"
        )

    def _result(self, outcome: Outcome, version: str, reason: str) -> Result:
        return Result(self._order.name, self._order.alias, outcome, version, reason, self._findings)
