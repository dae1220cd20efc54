"""What a candidate's metrics say for it before it is promoted. What is missing says nothing for it."""

from typing import Literal, Protocol

import msgspec

from services.core.errors import TrivetError
from services.promotion.prometheus import selector

Kind = Literal["shadow", "canary"]

# Of all routes, those of inferences; the others answer whatever the model does.
INFERENCES = 'route=~".*(/infer|/predict|/predict/batch)"'
ERRORS = 'code=~"5.."'


class Asked(Protocol):
    """Where metrics are asked for: prometheus.Prometheus."""

    def value(self, query: str) -> float | None:
        """Return the number of a query, None where nothing is there."""


class Thresholds(msgspec.Struct, frozen=True):
    """What a candidate has to keep over the window. min_samples: rows that the shadow compared, or a canary's requests.

    labels: that the series carry besides, such as a namespace.
    """

    window_seconds: float = 3600.0
    min_agreement: float = 0.99
    max_error_ratio: float = 0.001
    min_samples: int = 100
    labels: dict[str, str] = {}


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at, with the sentence that says what was found."""

    what: str
    healthy: bool
    said: str


class Missing(TrivetError):
    """A query returned nothing."""


def examine(asked: Asked, model: str, version: str, kind: Kind, thresholds: Thresholds) -> list[Finding]:
    """Return what was found of a version that runs as a shadow or a canary. Raises Missing, and what `asked` raises."""
    labels = {"model": model, "version": version, **thresholds.labels}
    if kind == "shadow":
        return _of_shadow(asked, labels, thresholds)
    return _of_canary(asked, labels, thresholds)


def increase(series: str, seconds: float) -> str:
    """Return PromQL for how much counters grew together over the last seconds."""
    return f"sum(increase({series}[{seconds:.0f}s]))"


def number(asked: Asked, query: str) -> float:
    """Return the number of a query. Raises Missing, which names the query, and what `asked` raises."""
    value = asked.value(query)
    if value is None:
        raise Missing(f"nothing is known of it: this query returned nothing: {query}")
    return value


def _of_shadow(asked: Asked, labels: dict[str, str], thresholds: Thresholds) -> list[Finding]:
    def rows(matcher: str) -> float:
        series = selector("inference_shadow_rows_total", labels, matcher)
        return number(asked, increase(series, thresholds.window_seconds))

    compared = rows('outcome=~"agreed|changed|failed"')
    enough = _enough("rows compared", compared, thresholds)
    if not enough.healthy:
        return [enough]
    agreement, failed = rows('outcome="agreed"') / compared, rows('outcome="failed"') / compared
    agrees = agreement >= thresholds.min_agreement
    said = f"{agreement:.3%} of the rows agree, and at least {thresholds.min_agreement:.3%} must"
    return [enough, Finding("agreement", agrees, said), _errors("rows fail", failed, thresholds)]


def _of_canary(asked: Asked, labels: dict[str, str], thresholds: Thresholds) -> list[Finding]:
    def requests(*matchers: str) -> str:
        series = selector("inference_requests_total", labels, INFERENCES, *matchers)
        return increase(series, thresholds.window_seconds)

    answered = number(asked, requests())
    enough = _enough("requests answered", answered, thresholds)
    if not enough.healthy:
        return [enough]
    failed = number(asked, f"{requests(ERRORS)} or vector(0)") / answered  # no series is made before the first error
    return [enough, _errors("requests fail", failed, thresholds)]


def _enough(what: str, count: float, thresholds: Thresholds) -> Finding:
    said = f"{count:.0f} {what} within {thresholds.window_seconds:.0f} s, and at least {thresholds.min_samples} must be"
    return Finding("samples", count >= thresholds.min_samples, said)


def _errors(what: str, ratio: float, thresholds: Thresholds) -> Finding:
    said = f"{ratio:.3%} of the {what}, and at most {thresholds.max_error_ratio:.3%} may"
    return Finding("errors", ratio <= thresholds.max_error_ratio, said)
