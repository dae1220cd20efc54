"""`trivet drift`: logged requests against the reference of their model, and against the truth."""

import sys
from dataclasses import dataclass
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
import msgspec

from services.cli import logged
from services.cli.logged import Progress
from services.core import reference as core_reference
from services.core.compiled_model import CompiledModel
from services.core.errors import TrivetError
from services.core.reference import Reference
from services.core.settings import Settings
from services.prediction_log.drift import metrics, text
from services.prediction_log.drift.judge import Limits
from services.prediction_log.drift.run import Report, Window
from services.prediction_log.reader import Selection

TABLE = click.Path(path_type=Path, exists=True, dir_okay=False)
OUTPUT = click.Path(path_type=Path, dir_okay=False, writable=True)


@dataclass(frozen=True)
class Options:
    """What the command line says."""

    version: str | None
    database: str | None
    model: str | None
    since: datetime | None
    until: datetime | None
    limit: int
    reference: Path | None
    held_out: Path | None
    max_psi: float
    alpha: float
    top: int
    html: Path | None
    metrics_file: Path | None
    as_json: bool


@click.command()
@click.argument("version", required=False)
@logged.with_options
@click.option("--reference", type=TABLE, help="CSV or Parquet: training rows, instead of what publish kept of them.")
@click.option("--held-out", type=TABLE, help="The same, of rows that the model was not fitted to: for its scores.")
@click.option("--max-psi", type=click.FloatRange(min=0), default=0.2, show_default=True, help="No drift up to this.")
@click.option(
    "--alpha",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.01,
    show_default=True,
    help="How often a look at requests without drift may find some, in any column.",
)
@click.option(
    "--top", type=click.IntRange(1, 500), default=20, show_default=True, help="Columns to show and to export."
)
@click.option("--html", type=OUTPUT, help="Write a page with pictures, which loads nothing from elsewhere.")
@click.option("--metrics", "metrics_file", type=OUTPUT, help="Write Prometheus metrics for a textfile collector.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(**given: Any) -> None:
    """Compare logged requests with the reference of VERSION, and its answers with the truth that was told.

    VERSION is models:/NAME@ALIAS, models:/NAME/VERSION, or the folder of a compiled model. Default: TRIVET_MODEL.

    Exit codes: 0 no drift, 1 drift, or there was nothing to compare, 2 the command line is wrong, 3 a setting is wrong.
    """
    options = Options(**given)
    if options.html and find_spec("matplotlib") is None:
        raise click.ClickException("--html needs matplotlib: install the extra trivet[load]")
    settings = logged.load_settings(options.version, options.database)
    compiled = logged.find(settings)
    model = options.model or compiled.manifest.name
    window = Window(compiled, _reference(compiled, settings, options))
    progress = Progress()
    with logged.reading(settings) as reader:
        selection = Selection(model, options.since, options.until, options.limit)
        window.read(reader.pages(selection), reader.truths, progress)
        report = window.report(model, Limits(options.max_psi, options.alpha), more=reader.more)
    progress.end()
    _write(report, window, options)
    if options.as_json:
        print(msgspec.json.encode(report).decode())
    else:
        print("\n".join(text.lines(report, report.findings[: options.top])))
    if not any(finding.rows for finding in report.findings):
        raise TrivetError(f"no request of {model} could be compared: --model, --since and --until say which are read")
    sys.exit(1 if report.drifted else 0)


def _reference(compiled: CompiledModel, settings: Settings, options: Options) -> Reference:
    """Return what to compare with: of the tables, or what publish kept. Raises TrivetError where there is nothing."""
    if options.reference or options.held_out:
        from services.registry.reference import build

        with logged.loaded(compiled, settings) as runtime:
            found = build(compiled.manifest.signature, runtime, options.reference, options.held_out)
    else:
        found = core_reference.read(compiled.folder)
    if found is None:
        raise TrivetError(
            f"{settings.model} was published without a reference: name a table of training rows by --reference, "
            "here or in `trivet publish`"
        )
    return found


def _write(report: Report, window: Window, options: Options) -> None:
    """Write the files that were asked for. Raises TrivetError."""
    shown = report.findings[: options.top]
    try:
        if options.metrics_file:
            metrics.write(options.metrics_file, metrics.registry_of(report, shown))
        if options.html:
            from services.prediction_log.drift.page import page

            options.html.write_text(page(report, window, shown), encoding="utf-8")
    except OSError as error:
        raise TrivetError(f"{error.filename} cannot be written: {error.strerror}") from error
