"""`trivet replay`: logged requests against another version."""

import sys
from datetime import datetime

import click
import msgspec

from services.cli import logged
from services.cli.logged import Progress
from services.core.errors import TrivetError
from services.core.swap_check import CHANGED_NUMBER
from services.core.warm_up import warm_up
from services.prediction_log.reader import Selection
from services.prediction_log.replay import text
from services.prediction_log.replay.run import Replay, Report


@click.command()
@click.argument("version")
@logged.with_options
@click.option(
    "--max-changed-ratio",
    type=click.FloatRange(0, 1),
    help="The share of rows that may get another answer. Default: TRIVET_SWAP_MAX_CHANGED_RATIO.",
)
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0),
    default=CHANGED_NUMBER,
    show_default=True,
    help="A predicted number has changed when it differs by more than this share of its size.",
)
@click.option("--worst", type=click.IntRange(0, 1000), default=10, show_default=True, help="Rows to show.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    version: str,
    database: str | None,
    model: str | None,
    since: datetime | None,
    until: datetime | None,
    limit: int,
    max_changed_ratio: float | None,
    tolerance: float,
    worst: int,
    as_json: bool,
) -> None:
    """Let VERSION answer logged requests again, in this process, and compare with what was answered.

    VERSION is models:/NAME/VERSION, models:/NAME@ALIAS, or the folder of a compiled model. Requests that cannot be
    compared are counted by their reason.

    Exit codes: 0 done, 1 more rows changed than may, or there was nothing to compare, 2 the command line is wrong, 3 a
    setting is wrong.
    """
    settings = logged.load_settings(version, database)
    compiled = logged.find(settings)
    model = model or compiled.manifest.name
    allowed = settings.swap_max_changed_ratio if max_changed_ratio is None else max_changed_ratio
    progress = Progress()
    with logged.loaded(compiled, settings) as runtime, logged.reading(settings) as reader:
        warm_up(runtime, compiled.manifest, settings.max_batch_rows)
        replay = Replay(compiled, runtime, settings.max_batch_rows, tolerance, worst)
        replay.run(reader.pages(Selection(model, since, until, limit)), progress)
        report = replay.report(more=reader.more)
    progress.end()
    if as_json:
        found = {"model": model, "changed_ratio": report.changed_ratio, **msgspec.structs.asdict(report)}
        print(msgspec.json.encode(found).decode())
    else:
        print("\n".join(text.lines(report, model, allowed)))
    _check_compared(report, model)
    sys.exit(1 if report.changed_ratio > allowed else 0)


def _check_compared(report: Report, model: str) -> None:
    if not report.requests:
        raise TrivetError(
            f"the prediction log holds no request of {model} then: --model, --since and --until say which"
        )
    if not report.rows:
        raise TrivetError("no request could be compared: the reasons are listed above")
