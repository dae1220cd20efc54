"""The options of `trivet load`: what they are, which fit together, and the load that they describe."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from services.load import knee, quantities, requests, slo
from services.load.quantities import Rates
from services.load.requests import Requests
from services.load.run import MAX_REQUESTS, Load, allow_open
from services.load.schedule import PROFILES, Segment, total
from services.load.slo import Objective
from services.load.target import Target, path_of

# One waits on each connection. A server that is slower than so many allow is overloaded, and the latency shows it.
CONNECTIONS, MAX_CONNECTIONS = 512, 20_000
SECONDS, STEP_SECONDS = 30.0, 5.0
STEP_RATES = Rates(10.0, 10_000.0)
# A profile that says no lowest rate begins at this share of its highest.
LOW_SHARE = 0.1
# Enough that two slow requests do not decide about a 99th percentile.
STEP_REQUESTS = 200

Command = TypeVar("Command", bound=Callable[..., Any])


Callback = Callable[[click.Context, click.Parameter, Any], Any]


def reading(read: Callable[[str], Any]) -> Callback:
    """Return what an option does with its text; None stays None, and several are read one by one."""

    def callback(_context: click.Context, _parameter: click.Parameter, given: Any) -> Any:
        try:
            return tuple(map(read, given)) if isinstance(given, tuple) else None if given is None else read(given)
        except ValueError as error:
            raise click.BadParameter(str(error)) from error

    return callback


def _time(*names: str, **more: Any) -> Callable[[Command], Command]:
    return click.option(*names, metavar="TIME", callback=reading(quantities.seconds), **more)


FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
OUTPUT = click.Path(path_type=Path, dir_okay=False, writable=True)
OPTIONS = (
    click.option(
        "--rate", "rates", metavar="RATE", callback=reading(quantities.rates), help="Requests a second: 400, or 10-400."
    ),
    _time(
        "--duration", "seconds", help="How long: 90s, 5m. Default: 30s; for each rate of a knee 5s, or 200 requests."
    ),
    click.option("--profile", type=click.Choice(list(PROFILES)), default="constant", show_default=True),
    click.option("--arrivals", type=click.Choice(["even", "random"]), help="Default: even; random for a knee."),
    click.option("--model", help="The model to ask. Default: the only one that the server lists."),
    click.option("--rows", type=click.IntRange(1, 100_000), default=1, show_default=True, help="Rows in a request."),
    click.option("--body", type=FILE, help="A file to post, instead of rows made for the model."),
    click.option("--route", help="Where to: /predict. Without --body it gets GETs. Default: the model's infer."),
    click.option("--header", "headers", callback=reading(requests.header), multiple=True, help="'Name: value'."),
    click.option("--key-file", type=FILE, help="A file with an API key; others can read a command line."),
    _time("--timeout", "timeout_seconds", default="10s", show_default=True, help="How long one answer may take."),
    click.option(
        "--max-in-flight",
        "connections",
        type=click.IntRange(1, MAX_CONNECTIONS),
        default=CONNECTIONS,
        show_default=True,
        help="Connections, and so requests sent and unanswered; others wait, and their latency grows.",
    ),
    click.option(
        "--slo",
        "objectives",
        metavar="SLO",
        callback=reading(slo.parse),
        help="p99=50ms,errors=0.1%: what must be kept. An error is all but an answer with 2xx.",
    ),
    _time(
        "--max-late",
        "late_seconds",
        help="How late the generator may be at p99. Default: a quarter of the latency's p99, from 1ms to 100ms.",
    ),
    click.option("--find-knee", is_flag=True, help="Find the highest rate that keeps --slo, and what to scale by."),
    click.option("--values", type=OUTPUT, help="With --find-knee: write the chart's values here, not to stdout."),
    click.option("--plot", type=OUTPUT, help="Write a picture, SVG."),
    click.option("--json", "as_json", is_flag=True, help="Print one JSON object."),
)


@dataclass(frozen=True)
class Options:
    """The command line."""

    url: str
    rates: Rates | None
    seconds: float | None
    profile: str
    arrivals: str | None
    model: str | None
    rows: int
    body: Path | None
    route: str | None
    headers: tuple[tuple[str, str], ...]
    key_file: Path | None
    timeout_seconds: float
    connections: int
    objectives: list[Objective] | None
    late_seconds: float | None
    find_knee: bool
    values: Path | None
    plot: Path | None
    as_json: bool

    def check(self) -> None:
        """Raise UsageError for options that do not fit together."""
        if not self.find_knee and self.rates is None:
            raise click.UsageError("say how much by --rate, or look for the most by --find-knee")
        if not self.find_knee and self.profile == "constant" and self.rates and self.rates.low is not None:
            raise click.UsageError("a constant rate is one number; two go with a --profile")
        if self.find_knee and (self.profile != "constant" or not any(one.percent for one in self.objectives or ())):
            raise click.UsageError("--find-knee needs a latency to keep, as in --slo p99=50ms, and no --profile")
        if self.values and not self.find_knee:
            raise click.UsageError("--values goes with --find-knee")
        if self.rows > 1 and (self.body or self.route):
            raise click.UsageError("--rows goes with rows made for the model, without --body and --route")
        if self.route and not self.route.startswith("/"):
            raise click.UsageError("--route begins with /")

    def segments(self) -> list[Segment]:
        """Return the profile of a run. Raises UsageError when it is too much."""
        low, high = self.rates or STEP_RATES
        segments = PROFILES[self.profile](high * LOW_SHARE if low is None else low, high, self.seconds or SECONDS)
        if total(segments) > MAX_REQUESTS:
            raise click.UsageError(f"{total(segments):,.0f} requests; one run can have {MAX_REQUESTS:,}")
        if total(segments) < 1:
            raise click.UsageError("that is less than one request")
        return segments

    def step(self, rate: float) -> list[Segment]:
        """Return the profile of one rate on the way to a knee."""
        return PROFILES["constant"](rate, rate, self.seconds or max(STEP_SECONDS, STEP_REQUESTS / rate))

    def step_rates(self) -> tuple[float, float]:
        """Return between which rates the knee is looked for."""
        low, high = self.rates or STEP_RATES
        return (min(STEP_RATES.low or high, high) if low is None else low), high

    def load(self) -> tuple[Load, str | None]:
        """Return the load, and the model's name where it is known. Raises Unanswered or UsageError."""
        try:
            allow_open(self.connections)
            key = {"Authorization": f"Bearer {self.key_file.read_text().strip()}"} if self.key_file else {}
            target = Target(self.url, {**key, **dict(self.headers)})
            asked, model = self._requests(target)
        except ValueError as error:
            raise click.UsageError(str(error)) from error
        objectives = self.objectives or []
        arrivals = self.arrivals or ("random" if self.find_knee else "even")
        load = Load(
            target,
            asked,
            self.connections,
            self.timeout_seconds,
            knee.with_errors(objectives) if self.find_knee else objectives,
            self.late_seconds,
            arrivals == "random",
        )
        return load, model

    def _requests(self, target: Target) -> tuple[Requests, str | None]:
        body = self.body.read_bytes() if self.body else None
        if self.route:
            return requests.given(target, self.route, body), self.model
        model = self.model or target.only_model()
        if body is not None:
            return requests.given(target, f"{path_of(model)}/infer", body), model
        return requests.rows_of(target, model, self.rows), model


def with_options(command: Command) -> Command:
    """Give a command the URL and all options, in the order in which help lists them."""
    for option in reversed(OPTIONS):
        command = option(command)
    return click.argument("url")(command)
