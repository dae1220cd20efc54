"""`trivet publish`: a model becomes a compiled model, and a version that the servers pick up."""

import contextlib
import sys
import warnings
from pathlib import Path
from typing import TextIO

import click
import msgspec

from services.core import settings
from services.registry.compile import Attempt
from services.registry.publish import NotOnnx, Order, Published, publish

TABLE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command()
@click.argument("uri")
@click.option("--name", help="The name to register under. Default: the source's own name.")
@click.option("--alias", default="production", show_default=True, help="The alias to point at the new version.")
@click.option("--require-onnx", is_flag=True, help="Fail when the model needs the scikit-learn runtime.")
@click.option("--allow-pickle", is_flag=True, help="Read a pickle, in a child process. A pickle can run any code.")
@click.option("--reference", type=TABLE, help="CSV or Parquet: training rows, for `trivet drift` to compare with.")
@click.option("--held-out", type=TABLE, help="The same, of rows that the model was not fitted to: for its scores.")
@click.option("--output", type=click.Path(path_type=Path), help="Write the compiled model here; register nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    uri: str,
    name: str | None,
    alias: str,
    require_onnx: bool,
    allow_pickle: bool,
    reference: Path | None,
    held_out: Path | None,
    output: Path | None,
    as_json: bool,
) -> None:
    """Compile the model at URI, compare it with the original, register it and set its alias.

    URI is runs:/RUN/model, models:/NAME/VERSION, models:/NAME@ALIAS, an MLflow model's folder, or a .skops, .onnx or
    pickle file. The report shows how far the compiled model is from the original.

    A run's artifacts reference.csv and held_out.csv (or .parquet) are taken where the options name no tables. What is
    kept of them are quantiles and counts of each column, no rows.
    """
    from services.registry import store
    from services.runtimes import sklearn

    configured = settings.load()
    order = Order(uri, name, alias, require_onnx, allow_pickle, output, reference, held_out)
    # MLflow prints links on standard output, which is for the report; libraries warn of their own internals.
    with contextlib.redirect_stdout(sys.stderr), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if output is None or uri.startswith(("runs:/", "models:/")):
            store.connect(configured.home)
        try:
            published = publish(order, sklearn, configured.trusted_types, configured.home, _say)
        except NotOnnx as error:
            _print_attempts(error.attempts, sys.stderr)
            raise
    if as_json:
        print(msgspec.json.encode(published).decode())
    else:
        _print(published)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _print(published: Published) -> None:
    """Print the report: what agreed and how far, what did not and where, and what to run next."""
    _print_attempts(published.attempts, sys.stdout)
    if published.parity:
        print(_parity_line(published))
    for note in published.notes:
        print(f"note      {note}")
    if published.reference_rows:
        print(f"reference {published.reference_rows} rows for features, {published.held_out_rows} held out for scores")
    print(f"runtime   {published.runtime}")
    print(f"digest    {published.digest}")
    if published.version is None:
        print(f"written   {published.folder}")
        print(f"next      trivet serve --model {published.folder}")
        return
    print(f"version   models:/{published.name}/{published.version}")
    print(f"alias     models:/{published.name}@{published.alias}")
    print(f"next      trivet serve --model models:/{published.name}@{published.alias}")


def _print_attempts(attempts: tuple[Attempt, ...], file: TextIO) -> None:
    for reason, failed in _by_reason(attempts).items():
        print(f"not taken {'; '.join(attempt.way for attempt in failed)} ({reason})", file=file)
        for row in failed[0].parity.worst if failed[0].parity else ():
            print(f"          {msgspec.json.encode(row).decode()}", file=file)


def _by_reason(attempts: tuple[Attempt, ...]) -> dict[str, list[Attempt]]:
    """Group the conversions that were not taken: several ways often fail for one reason."""
    groups: dict[str, list[Attempt]] = {}
    for attempt in attempts:
        if attempt.reason:
            groups.setdefault(attempt.reason, []).append(attempt)
    return groups


def _parity_line(published: Published) -> str:
    parity = published.parity
    ties = f", {parity['ties']} ties" if parity.get("ties") else ""
    return (
        f"parity    {parity['rows']} rows agree: largest difference {parity['largest_difference']:.1e}, "
        f"allowed {parity['tolerance']:.0e}{ties}"
    )
