"""The options of `trivet promote --if-healthy`, and what they describe."""

import re
from collections.abc import Callable
from typing import Any, TypeVar

import click

from services.cli.load_options import reading
from services.load import quantities
from services.promotion.burn import Watch
from services.promotion.evidence import Thresholds
from services.promotion.prometheus import Prometheus
from services.promotion.promotion import Order

Command = TypeVar("Command", bound=Callable[..., Any])

# Those of `trivet promote` itself.
OWN = frozenset({"model", "version", "alias", "as_json", "if_healthy"})
_LABEL = re.compile(r"([a-zA-Z_][a-zA-Z0-9_]*)=(.*)", re.DOTALL)


def label(text: str) -> tuple[str, str]:
    """Read NAME=VALUE. Raises ValueError."""
    found = _LABEL.fullmatch(text)
    if not found or found[1] in ("model", "version"):
        raise ValueError(f"{text!r} is no label: NAME=VALUE was expected, as in namespace=trivet")
    return found[1], found[2]


def objective(text: str) -> float:
    """Read a share below 1, as in 99.9%. Raises ValueError."""
    share = quantities.ratio(text)
    if share >= 1:
        raise ValueError(f"{text!r} leaves no room for an error: a share below 100% was expected, as in 99.9%")
    return share


def _option(
    name: str, read: Callable[[str], Any], metavar: str, default: str, text: str
) -> Callable[[Command], Command]:
    return click.option(name, metavar=metavar, default=default, callback=reading(read), show_default=True, help=text)


OPTIONS = (
    click.option("--if-healthy", is_flag=True, help="Promote by metrics, watch, and move the alias back on a breach."),
    click.option("--prometheus", metavar="URL", callback=reading(Prometheus), help="Where the metrics are."),
    click.option(
        "--evidence", type=click.Choice(["shadow", "canary"]), default="shadow", show_default=True,
        help="How VERSION has run so far.",
    ),
    _option("--window", quantities.seconds, "TIME", "1h", "How far back the evidence goes."),
    _option("--min-agreement", quantities.ratio, "SHARE", "99%", "Of the rows that the shadow compared."),
    _option("--max-error-ratio", quantities.ratio, "SHARE", "0.1%", "Of its rows or, of a canary, of its requests."),
    click.option("--min-samples", type=click.IntRange(1), default=100, show_default=True, help="Fewer prove nothing."),
    _option("--watch", quantities.seconds, "TIME", "10m", "How long to watch after the promotion."),
    _option("--objective", objective, "SHARE", "99.9%", "The share of requests without a server error."),
    click.option(
        "--max-burn-rate", type=click.FloatRange(0, min_open=True), default=14.4, show_default=True,
        help="Above it over the whole watch and over a twelfth of it, the alias goes back.",
    ),
    click.option(
        "--min-requests", type=click.IntRange(1), default=20, show_default=True,
        help="Fewer in the watch prove nothing, and the alias goes back.",
    ),
    click.option("--label", "labels", callback=reading(label), multiple=True, help="NAME=VALUE that the series carry."),
)  # fmt: skip


def with_options(command: Command) -> Command:
    """Add the options to a command."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def check_alone(context: click.Context) -> None:
    """Raise UsageError when an option of --if-healthy stands without it."""
    default = click.core.ParameterSource.DEFAULT
    given = [name for name in context.params if name not in OWN and context.get_parameter_source(name) != default]
    if given:
        raise click.UsageError(f"--{given[0].replace('_', '-').replace('labels', 'label')} needs --if-healthy")


def order_of(model: str, version: str, alias: str, given: dict[str, Any]) -> tuple[Order, Prometheus]:
    """Return what the options describe. Raises UsageError."""
    if given["prometheus"] is None:
        raise click.UsageError("--if-healthy needs --prometheus URL: what is not known is not healthy")
    labels = dict(given["labels"])
    thresholds = Thresholds(
        given["window"], given["min_agreement"], given["max_error_ratio"], given["min_samples"], labels
    )
    watch = Watch(given["watch"], given["objective"], given["max_burn_rate"], given["min_requests"], labels)
    return Order(model, version, alias, given["evidence"], thresholds, watch), given["prometheus"]
