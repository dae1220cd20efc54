"""The options of `trivet simulate`: what they are, which fit together, and what they describe."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from services.cli.load_options import FILE, LOW_SHARE, OUTPUT, reading
from services.load import quantities, slo, text
from services.load.quantities import Rates
from services.load.schedule import PROFILES
from services.load.slo import Objective
from services.load.target import Target, Unanswered
from services.simulate import capacity, manifest, observed, prometheus, trace
from services.simulate.hpa_spec import Signal
from services.simulate.manifest import Found
from services.simulate.objects import Asked, load
from services.simulate.observed import Observed
from services.simulate.queueing import Replica
from services.simulate.run import Timing
from services.simulate.trace import Trace, Unreadable

DAY_SECONDS = 86_400.0
MAX_INPUT_BYTES = 64 * 2**20

Command = TypeVar("Command", bound=Callable[..., Any])


def _signal(given: str) -> tuple[str, Signal]:
    name, equals, signal = given.rpartition("=")
    if not equals or not name or signal not in set(Signal):
        raise ValueError(f"{given!r}: NAME=SIGNAL was expected, with one of {', '.join(Signal)}")
    return name, Signal(signal)


def _time(*names: str, **more: Any) -> Callable[[Command], Command]:
    return click.option(*names, metavar="TIME", callback=reading(quantities.seconds), **more)


TIMING, REPLICA = Timing(), Replica(1.0)
INPUT = click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True)
OPTIONS = (
    click.option("--compare", type=INPUT, help="A second manifest, to put beside the first."),
    click.option("--name", help="The name of the autoscaler, where a manifest holds several."),
    click.option("--trace", "trace_file", type=FILE, help="CSV: seconds,requests_per_second and, if wanted, metric."),
    click.option("--profile", type=click.Choice(list(PROFILES)), help="A load by a profile, as of trivet load."),
    click.option("--rate", "rates", metavar="RATE", callback=reading(quantities.rates), help="Of it: 400, or 10-400."),
    _time("--duration", "seconds", default="24h", show_default=True, help="Of it."),
    click.option("--prometheus", metavar="URL", help="A load that Prometheus recorded: with --query, --start, --end."),
    click.option("--query", help="PromQL for requests per second, with one series."),
    click.option("--start", "start_seconds", callback=reading(prometheus.moment), help="2026-01-31T08:00:00Z"),
    click.option("--end", "end_seconds", callback=reading(prometheus.moment), help="2026-02-01T08:00:00Z"),
    click.option("--observed", type=FILE, help="CSV: seconds,rate,replicas (those that are ready) of a cluster."),
    click.option("--fleet", type=FILE, help="CSV: name,manifest,trace and, if wanted, scale: many services at once."),
    click.option("--replicas-per-node", type=click.IntRange(1, 1000), help="With --fleet: count the nodes."),
    click.option(
        "--scale", type=click.FloatRange(0, 1e6, min_open=True), default=1.0, show_default=True, help="Times the load."
    ),
    click.option("--knee", type=FILE, help="What a replica can do: the output of trivet load --find-knee --json."),
    _time("--service", "service_seconds", help="Or: how long a request is served, alone."),
    click.option(
        "--concurrency",
        type=click.IntRange(1, capacity.MAX_CONCURRENCY),
        help="How many a replica serves at a time without slowing down.  [default: 1]",
    ),
    click.option("--service-cv", type=click.FloatRange(0, 1), help="Deviation of that time over it.  [default: 1]"),
    click.option(
        "--cores",
        type=click.FloatRange(0, 1024, min_open=True),
        default=REPLICA.cores,
        show_default=True,
        help="CPU that a request uses while it is served.",
    ),
    _time("--max-wait", "max_wait_seconds", help="Who would wait longer gets 429. Default: 50 services."),
    _time(
        "--cold-start",
        "cold_start_seconds",
        default=f"{TIMING.cold_start_seconds:g}s",
        show_default=True,
        help="From a pod's making until it serves.",
    ),
    _time(
        "--metric-age",
        "metric_age_seconds",
        default=f"{TIMING.metric_age_seconds:g}s",
        show_default=True,
        help="How old the newest sample is.",
    ),
    click.option("--signal", "signals", callback=reading(_signal), multiple=True, help="What a metric is: NAME=rate."),
    click.option("--replicas", type=click.IntRange(0, 10**6), help="At the start.  [default: as few as may be]"),
    click.option("--begins", callback=reading(datetime.fromisoformat), help="When a trace begins, for cron triggers."),
    click.option("--slo", "objectives", metavar="SLO", callback=reading(slo.parse), help="p99=50ms,errors=0.1%"),
    click.option("--plot", type=OUTPUT, help="Write a picture, SVG."),
    click.option("--json", "as_json", is_flag=True, help="Print one JSON object."),
)


@dataclass(frozen=True)
class Options:
    """The command line."""

    manifest: Path | None
    compare: Path | None
    name: str | None
    trace_file: Path | None
    profile: str | None
    rates: Rates | None
    seconds: float
    prometheus: str | None
    query: str | None
    start_seconds: float | None
    end_seconds: float | None
    observed: Path | None
    fleet: Path | None
    replicas_per_node: int | None
    scale: float
    knee: Path | None
    service_seconds: float | None
    concurrency: int | None
    service_cv: float | None
    cores: float
    max_wait_seconds: float | None
    cold_start_seconds: float
    metric_age_seconds: float
    signals: tuple[tuple[str, Signal], ...]
    replicas: int | None
    begins: datetime | None
    objectives: list[Objective] | None
    plot: Path | None
    as_json: bool

    def check(self) -> None:
        """Raise UsageError for options that do not fit together."""
        loads = (self.trace_file, self.profile, self.prometheus, self.observed, self.fleet)
        if sum(load is not None for load in loads) != 1:
            raise click.UsageError("say the load by one of --trace, --profile, --prometheus, --observed and --fleet")
        if (self.manifest is None) != (self.fleet is not None):
            raise click.UsageError("name a manifest, or - for standard input; --fleet names its own")
        if (self.knee is None) == (self.service_seconds is None):
            raise click.UsageError("say what a replica can do by --knee or by --service, not by both")
        if self.knee and (self.concurrency or self.service_cv is not None):
            raise click.UsageError("--knee tells --concurrency and --service-cv itself")
        if (self.profile is None) != (self.rates is None):
            raise click.UsageError("--profile and --rate go together")
        if self.prometheus and (None in (self.query, self.start_seconds, self.end_seconds)):
            raise click.UsageError("--prometheus needs --query, --start and --end")
        if self.compare and (self.fleet or self.observed):
            raise click.UsageError("--compare goes with one load, without --fleet and --observed")
        if self.replicas_per_node and not self.fleet:
            raise click.UsageError("--replicas-per-node goes with --fleet")
        if self.fleet and self.plot:
            raise click.UsageError("--fleet draws no picture: simulate one of its services with --plot")

    @property
    def timing(self) -> Timing:
        """How slow the cluster is."""
        return Timing(self.cold_start_seconds, self.metric_age_seconds)

    def replica(self) -> Replica:
        """Return what a replica can do. Raises UsageError."""
        if self.knee:
            known = _read(self.knee, lambda text: capacity.of_knee(text.encode()))
        else:
            cv = 1.0 if self.service_cv is None else self.service_cv
            known = Replica(self.service_seconds or 0.0, self.concurrency or 1, service_cv=cv)
        return msgspec.structs.replace(known, max_wait_seconds=self.max_wait_seconds, cores=self.cores)

    def found(self, path: Path) -> Found:
        """Return the autoscaler of a manifest. Raises UsageError."""
        asked = Asked(self.name, dict(self.signals), *([_aware(self.begins)] if self.begins else []))
        return _read(path, lambda text: manifest.find(load(text), asked))

    def load(self) -> tuple[Trace, str, Observed | None]:
        """Return the load, what it is, and what a cluster did under it where that is known. Raises UsageError."""
        seen = None
        if self.profile and self.rates:
            low, high = self.rates
            segments = PROFILES[self.profile](high * LOW_SHARE if low is None else low, high, self.seconds)
            found, what = _refuse(lambda: trace.of_segments(segments)), f"{self.profile}, {text.plan(segments)}"
        elif self.prometheus:
            found, what = _refuse(self._recorded), f"{self.query}"
        elif self.observed:
            seen = _read(self.observed, observed.parse)
            found, what = seen.trace, self.observed.name
        else:
            path = self.trace_file or Path()
            found, what = _read(path, trace.parse), path.name
        return found.scaled(self.scale), what if self.scale == 1 else f"{what}, {self.scale:g} times", seen

    def trace(self, path: Path) -> Trace:
        """Return a trace of a fleet. Raises UsageError."""
        return _read(path, trace.parse)

    def _recorded(self) -> Trace:
        try:
            target = Target(self.prometheus or "", {})
        except Unanswered as error:
            raise Unreadable(str(error)) from error
        return prometheus.record(target, self.query or "", self.start_seconds or 0.0, self.end_seconds or 0.0)


Read = TypeVar("Read")


def _read(path: Path, read: Callable[[str], Read]) -> Read:
    """Read a file, - being standard input. Raises UsageError."""
    try:
        with sys.stdin.buffer if str(path) == "-" else path.open("rb") as file:
            given = file.read(MAX_INPUT_BYTES + 1)
    except OSError as error:
        raise click.UsageError(f"{path} cannot be read: {error.strerror}") from error
    if len(given) > MAX_INPUT_BYTES:
        raise click.UsageError(f"{path} is larger than {MAX_INPUT_BYTES:,} bytes")
    try:
        return read(given.decode())
    except (Unreadable, UnicodeDecodeError) as error:
        raise click.UsageError(f"{path}: {error}") from error


def _refuse(make: Callable[[], Read]) -> Read:
    try:
        return make()
    except Unreadable as error:
        raise click.UsageError(str(error)) from error


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.astimezone()


def with_options(command: Command) -> Command:
    """Give a command the manifest and all options, in the order in which help lists them."""
    for option in reversed(OPTIONS):
        command = option(command)
    return click.argument("manifest", type=INPUT, required=False)(command)
