"""`trivet conform`: the conformance suite against any server of the Open Inference Protocol V2."""

import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import get_args

import click
import msgspec

from services.client.inputs import Inputs, from_request
from services.conformance.check import Check, Level
from services.conformance.discover import Undiscoverable, discover, level_of
from services.conformance.http import Http
from services.conformance.suite import Outcome, Result, checks, run_one
from services.conformance.target import Target
from services.progress_line import ERASED

TIMEOUT_SECONDS = 30.0
MARKS = {"passed": "pass", "failed": "FAIL", "skipped": "skip"}


@click.command()
@click.argument("url")
@click.option("--model", help="The model to ask. Default: the only one that the server lists.")
@click.option("--level", type=click.Choice(get_args(Level)), help="Default: trivet if the server says it is one.")
@click.option(
    "--sample",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A file with a right V2 request, for a model whose metadata does not say what fits; the more rows the better.",
)
@click.option(
    "--key-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A file with an API key; keys on a command line can be read by everybody on the machine.",
)
@click.option(
    "--timeout",
    "timeout_seconds",
    type=click.FloatRange(min=0.1),
    default=TIMEOUT_SECONDS,
    show_default=True,
    help="How long one answer may take, in seconds.",
)
@click.option("--no-load", is_flag=True, help="Leave out the checks that send up to 256 requests at once.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    url: str,
    model: str | None,
    level: Level | None,
    sample: Path | None,
    key_file: Path | None,
    timeout_seconds: float,
    no_load: bool,
    as_json: bool,
) -> None:
    """Check the server at URL clause by clause, and print a table of what it does and does not.

    The level protocol is what the V2 document and the extensions that the server advertises demand; trivet is the
    whole contract. Skipped are clauses that say nothing of this server or model, each with its reason.

    Exit codes: 0 nothing failed, 1 something failed, 2 the command line is wrong, or there is nothing to look at.
    """
    http = Http(url, key=_key(key_file), timeout_seconds=timeout_seconds)
    try:
        target = discover(http, model, _inputs(sample), sends_load=not no_load)
        chosen: Level = level or level_of(http)
        results = list(_shown(target, chosen, quiet=as_json))
    except Undiscoverable as error:
        raise click.UsageError(str(error)) from error
    finally:
        http.close()
    counts = {outcome: sum(result.outcome == outcome for result in results) for outcome in get_args(Outcome)}
    if as_json:
        report = {"url": url, "model": target.model, "level": chosen, **counts, "results": results}
        print(msgspec.json.encode(report).decode())
    else:
        print(", ".join(f"{count} {outcome}" for outcome, count in counts.items()))
    sys.exit(1 if counts["failed"] else 0)


def _shown(target: Target, level: Level, *, quiet: bool) -> Iterator[Result]:
    """Yield the results as they come, and print them by group unless a machine reads."""
    chosen = checks(level)
    if quiet:
        yield from _watched(chosen, target)
        return
    print(f"{target.http.url}, model {target.model}: {len(chosen)} checks of the level {level}")
    for group, results in groupby(_watched(chosen, target), lambda result: result.id.partition(".")[0]):
        print(f"\n{group}")
        for result in results:
            print(_line(result), flush=True)
            yield result
    print()


def _watched(chosen: list[Check], target: Target) -> Iterator[Result]:
    """Run the checks; where somebody watches, the last line says which one runs."""
    watched = sys.stderr.isatty()
    for check in chosen:
        if watched:
            print(f"{check.id} …", end="", file=sys.stderr, flush=True)
        result = run_one(check, target)
        if watched:
            print(ERASED, end="", file=sys.stderr, flush=True)
        yield result


def _line(result: Result) -> str:
    """Return a result as a line; a failure with its exchange in further lines."""
    line = f"  {MARKS[result.outcome]}  {result.clause}"
    if result.outcome == "skipped":
        return f"{line} ({result.reason})"
    if result.outcome == "passed":
        return line
    lines = [line, f"        {result.id}; source: {result.source}", f"        expected  {result.expected}"]
    if result.exchange:
        exchange = result.exchange
        lines.append(f"        sent      {exchange.request} {exchange.sent}".rstrip())
        lines.append(f"        answered  {exchange.status} {exchange.body}".rstrip())
    return "\n".join(lines)


def _key(file: Path | None) -> str | None:
    return file.read_text().strip() if file else None


def _inputs(file: Path | None) -> Inputs | None:
    if file is None:
        return None
    try:
        return from_request(msgspec.json.decode(file.read_bytes()))
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--sample") from error
