"""How fast a version that was promoted burns its error budget, and whether it may stay.

Source: The Site Reliability Workbook, chapter 5, alert 6: a burn rate over a long window, confirmed over a short one of
a twelfth of it. Its fast pair is an hour and five minutes; here the long window is the time of the watch.
"""

from collections.abc import Callable
from typing import Literal

import msgspec

from services.core.errors import TrivetError
from services.promotion.evidence import ERRORS, INFERENCES, Asked, increase, number
from services.promotion.prometheus import selector

SHORT_SHARE = 1 / 12
# A counter grows between two samples, and these are up to half a minute apart.
LEAST_WINDOW_SECONDS = 60.0
POLL_SECONDS = 15.0
# A rest that rounding leaves would never end by waiting for it.
LEAST_WAIT_SECONDS = 0.001

Outcome = Literal["healthy", "breached", "unproven"]
Say = Callable[[str], None]


class Watch(msgspec.Struct, frozen=True):
    """How long a version is watched, and what it must keep.

    objective: the share of requests without an error. max_burn_rate: how many times as fast as evenly over the
    objective's period the budget may go; 14.4 is 2 % of a month's in an hour. min_requests: below it nothing is judged,
    and a version is not proven.
    """

    seconds: float = 600.0
    objective: float = 0.999
    max_burn_rate: float = 14.4
    min_requests: int = 20
    labels: dict[str, str] = {}

    @property
    def long_seconds(self) -> float:
        """The long window."""
        return max(self.seconds, LEAST_WINDOW_SECONDS)

    @property
    def short_seconds(self) -> float:
        """The short window."""
        return max(self.seconds * SHORT_SHARE, LEAST_WINDOW_SECONDS)


class Burn(msgspec.Struct, frozen=True):
    """The burn rates over both windows, and the requests of the long one."""

    long: float
    short: float
    requests: float


class Verdict(msgspec.Struct, frozen=True):
    """How a watch ended, and why."""

    outcome: Outcome
    reason: str


def measure(asked: Asked, model: str, version: str, watch: Watch) -> Burn:
    """Return how fast a version burns its budget now. Raises Missing, and what `asked` raises."""
    labels = {"model": model, "version": version, **watch.labels}
    counts = []
    for seconds in (watch.long_seconds, watch.short_seconds):
        answered = number(asked, increase(selector("inference_requests_total", labels, INFERENCES), seconds))
        failing = increase(selector("inference_requests_total", labels, INFERENCES, ERRORS), seconds)
        failed = number(asked, f"{failing} or vector(0)")
        counts.append((answered, failed / answered if answered else 0.0))
    (requests, long), (_, short) = counts
    budget = 1 - watch.objective
    return Burn(long / budget, short / budget, requests)


def follow(
    burn: Callable[[], Burn], watch: Watch, clock: Callable[[], float], wait: Callable[[float], None], say: Say
) -> Verdict:
    """Look until the time is over, or a breach. What cannot be known in between is said; at the end it decides."""
    started = clock()
    while True:
        spent_seconds = clock() - started
        left_seconds = watch.seconds - spent_seconds
        found, unknown = _look(burn)
        breach = found is not None and _is_breach(found, watch)
        say(f"{spent_seconds:5.0f} s  {unknown or _said(found, watch)}")
        if found is not None and breach:
            return Verdict("breached", _said(found, watch))
        if left_seconds < LEAST_WAIT_SECONDS:
            return _end(found, unknown, watch)
        wait(min(POLL_SECONDS, left_seconds))


def _look(burn: Callable[[], Burn]) -> tuple[Burn | None, str]:
    try:
        return burn(), ""
    except TrivetError as error:
        return None, error.message


def _is_breach(found: Burn, watch: Watch) -> bool:
    return found.requests >= watch.min_requests and min(found.long, found.short) > watch.max_burn_rate


def _end(found: Burn | None, unknown: str, watch: Watch) -> Verdict:
    if found is None:
        return Verdict("unproven", unknown)
    if found.requests < watch.min_requests:
        few = f"it answered {found.requests:.0f} requests, and fewer than {watch.min_requests} prove nothing"
        return Verdict("unproven", f"{few}; does every server serve it, and does anybody ask?")
    return Verdict("healthy", _said(found, watch))


def _said(found: Burn | None, watch: Watch) -> str:
    if found is None:
        return ""
    rates = f"{found.long:.2f} over {watch.long_seconds:.0f} s, {found.short:.2f} over {watch.short_seconds:.0f} s"
    return f"burn rate {rates}, of at most {watch.max_burn_rate:g}; {found.requests:.0f} requests"
