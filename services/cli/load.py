"""`trivet load`: open-loop load on any HTTP server, and the knee of a replica."""

import sys
from importlib.util import find_spec
from typing import Any

import click
import msgspec

from services.cli.load_options import Options, with_options
from services.load import text
from services.load.knee import GeneratorTooSlow, values
from services.load.progress import Stop, stopping
from services.load.report import good_latencies
from services.load.run import Load
from services.load.search import Search, Stopped
from services.load.target import Unanswered

MISSED, TOO_SLOW, STOPPED = 1, 4, 130


@click.command()
@with_options
def command(**given: Any) -> None:
    """Send requests to the server at URL at a steady rate, or by a profile, whatever it does.

    Latency counts from the time at which a request was meant to leave, so a server that stalls cannot hide what it
    delayed. Requests go where URL says and nowhere else.

    Profiles go from the lowest to the highest rate of --rate LOW-HIGH: step in five steps, ramp evenly, spike for the
    fifth of the time in the middle, day as a day from midnight to midnight.

    Exit codes: 0 done, and --slo kept, 1 --slo missed, or no rate keeps it, 2 the command line is wrong, or there is
    nothing to load, 4 the generator could not keep up, so that the numbers say nothing of the server, 130 stopped.
    """
    options = Options(**given)
    options.check()
    if options.plot and find_spec("matplotlib") is None:
        raise click.ClickException("--plot needs matplotlib: install the extra trivet[load]")
    try:
        load, model = options.load()
    except Unanswered as error:
        raise click.UsageError(str(error)) from error
    with stopping() as stop:
        code = _find_knee(options, load, model, stop) if options.find_knee else _load(options, load, stop)
    sys.exit(code)


def _load(options: Options, load: Load, stop: Stop) -> int:
    segments = options.segments()
    title = f"{load.target.url}: {load.requests.what}"
    plan = f"{options.profile}, {text.plan(segments)}"
    if not options.as_json:
        print(f"{title}\n{plan}\n", flush=True)
    report, recording = load.run(segments, stop)
    latencies = good_latencies(recording)
    if options.as_json:
        _print_json(url=load.target.url, request=load.requests.what, profile=plan, **msgspec.structs.asdict(report))
    else:
        print("\n".join(text.lines(report, latencies)))
    if options.plot:
        from services.load import plot

        plot.draw(options.plot, f"{title}\n{plan}", report, latencies)
    if stop.asked:
        return STOPPED
    if not report.kept_up:
        return TOO_SLOW
    return 0 if report.kept else MISSED


def _find_knee(options: Options, load: Load, model: str | None, stop: Stop) -> int:
    """Look for the knee; the steps are told on standard error, because standard output is for the values."""
    low, high = options.step_rates()
    search = Search(load, model, options.step, stop, say=lambda line: print(line, file=sys.stderr, flush=True))
    code, found = 0, None
    try:
        found = search.run(low, high)
        code = 0 if found else MISSED
    except GeneratorTooSlow as error:
        search.say(f"NOT GOOD  {error}")
        code = TOO_SLOW
    except Stopped:
        code = STOPPED
    written = values(found, search.engine, search.said(found)) if found else ""
    if options.as_json:
        target = found.target if found else None
        _print_json(url=load.target.url, request=load.requests.what, knee=found, target=target, steps=search.steps)
    if options.values and found:
        options.values.write_text(written)
        search.say(f"written   to {options.values}")
    elif not options.as_json:
        print(written, end="")
    if options.plot and search.steps:
        from services.load import plot

        plot.draw_knee(options.plot, f"{load.target.url}: {load.requests.what}", search.steps, load.objectives)
    return code


def _print_json(**report: Any) -> None:
    print(msgspec.json.encode(report).decode())
