"""`trivet simulate`: replay a load through the rules of a rendered autoscaler, without a cluster."""

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
import msgspec

from services.cli.simulate_options import Options, with_options
from services.simulate import fleet, observed, text
from services.simulate.fleet import Member
from services.simulate.manifest import Found
from services.simulate.observed import Observed
from services.simulate.queueing import Replica, Values
from services.simulate.report import Report, report
from services.simulate.run import Run, simulate
from services.simulate.trace import Trace, Unreadable

MISSED = 1


@click.command()
@with_options
def command(**given: Any) -> None:
    """Replay a load through the autoscaler in MANIFEST, as `helm template` prints it; - is standard input.

    It is a HorizontalPodAutoscaler, a ScaledObject of KEDA, or a RayService, and follows the rules of their
    controllers. Replicas are queues; what one can do is told by --knee or --service.

    Exit codes: 0 done, and --slo kept, 1 --slo missed, by one of --compare or --fleet too, 2 the command line is wrong,
    or an input cannot be read.
    """
    options = Options(**given)
    options.check()
    if options.plot and find_spec("matplotlib") is None:
        raise click.ClickException("--plot needs matplotlib: install the extra trivet[simulate]")
    replica = options.replica()
    sys.exit(_fleet(options, options.fleet, replica) if options.fleet else _one(options, replica))


def _one(options: Options, replica: Replica) -> int:
    load, what, seen = options.load()
    paths = [path for path in (options.manifest, options.compare) if path is not None]
    found = [options.found(path) for path in paths]
    replicas = options.replicas if options.replicas is not None or seen is None else int(seen.replicas[0])
    difference = None
    if seen:
        run, difference = observed.nearest(lambda phase: _run(options, load, found[0], replica, replicas, phase), seen)
        runs = [run]
    else:
        runs = [_run(options, load, one, replica, replicas) for one in found]
    reports = [report(run, options.objectives or []) for run in runs]
    if options.as_json:
        scalers = [
            {"scaler": text.scaler(one), **msgspec.structs.asdict(made)}
            for one, made in zip(found, reports, strict=True)
        ]
        _print_json(load=what, replica=replica, simulations=scalers, observed=difference)
    else:
        print("\n".join([*map(text.scaler, found), f"{what}; {text.assumed(replica, options.timing)}", ""]))
        print("\n".join(text.lines(reports[0]) if len(reports) == 1 else text.beside(_names(found, paths), reports)))
        if difference:
            print("\n".join(["", *text.difference(difference)]))
    if options.plot:
        _plot(options, what, _names(found, paths), reports, seen)
    return 0 if all(made.kept for made in reports) else MISSED


def _fleet(options: Options, path: Path, replica: Replica) -> int:
    try:
        members = fleet.parse(path.read_text(), path.parent)
    except (Unreadable, OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"{path}: {error}") from error
    manifests = {one.manifest: options.found(one.manifest) for one in members}

    def one(member: Member) -> tuple[Report, Values]:
        load = options.trace(member.trace).scaled(member.scale * options.scale)
        run = _run(options, load, manifests[member.manifest], replica, options.replicas)
        return report(run, options.objectives or []), run.replicas

    total, reports = fleet.total(members, one, options.replicas_per_node)
    if options.as_json:
        services = {name: {**msgspec.structs.asdict(made), "timeline": None} for name, made in reports}
        _print_json(total=total, services=services)
    else:
        print("\n".join(text.fleet(total, reports)))
    return MISSED if total.missed else 0


def _run(options: Options, load: Trace, found: Found, replica: Replica, replicas: int | None, phase: int = 0) -> Run:
    limit = found.cpu_limit
    return simulate(
        load, found.scaler(), replica, options.timing, replicas=replicas, cpu_limit=limit, phase_seconds=phase
    )


def _names(found: list[Found], paths: list[Path]) -> list[str]:
    """Return what tells the simulations apart: the autoscalers' names, or those of their files."""
    if len(found) == 1:
        return [""]
    names = [one.name for one in found]
    return names if len(set(names)) == len(names) else [path.stem for path in paths]


def _plot(options: Options, what: str, names: list[str], reports: list[Report], seen: Observed | None) -> None:
    from services.simulate import plot

    cluster = (range(len(seen.replicas)), seen.replicas.tolist()) if seen else None
    if options.plot:
        plot.draw(options.plot, what, list(zip(names, reports, strict=True)), options.objectives or [], cluster)


def _print_json(**made: Any) -> None:
    print(msgspec.json.encode(made).decode())
