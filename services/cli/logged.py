"""What `trivet replay` and `trivet drift` share: which logged requests, from which database, and their progress."""

import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TextIO, TypeVar

import click

from services import runtimes
from services.core import settings as core_settings
from services.core.compiled_model import CompiledModel
from services.core.errors import TrivetError
from services.core.runtime import Runtime
from services.core.settings import Settings
from services.prediction_log.reader import Reader
from services.prediction_log.url import database_url
from services.progress_line import ProgressLine
from services.registry.source import ModelSource

REQUESTS, MOST_REQUESTS = 10_000, 10_000_000

_AGE = re.compile(r"(\d{1,6})([mhd])", re.ASCII)
_UNIT_SECONDS = {"m": 60, "h": 3600, "d": 86_400}

Command = TypeVar("Command", bound=Callable[..., Any])


def moment(text: str, now: datetime) -> datetime:
    """Read a moment: 2026-11-28, 2026-11-28T14:00 (UTC unless it says another zone), or 90m, 24h, 7d ago.

    Raises ValueError.
    """
    found = _AGE.fullmatch(text)
    try:
        if found:
            return now - timedelta(seconds=int(found[1]) * _UNIT_SECONDS[found[2]])
        read = datetime.fromisoformat(text)
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text!r} is no moment: expected 2026-11-28, 2026-11-28T14:00, 24h or 7d") from error


def _moment(_context: click.Context, _parameter: click.Parameter, text: str | None) -> datetime | None:
    try:
        return None if text is None else moment(text, datetime.now(UTC))
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


OPTIONS = (
    click.option("--database", metavar="URL", help="The prediction log's. Default: TRIVET_DATABASE_URL, or its file."),
    click.option("--model", "model", metavar="NAME", help="Whose requests. Default: those of the same name."),
    click.option("--since", metavar="MOMENT", callback=_moment, help="From when: 2026-11-28T14:00 (UTC), 24h, 7d."),
    click.option("--until", metavar="MOMENT", callback=_moment, help="Until when. Default: now."),
    click.option(
        "--limit",
        type=click.IntRange(1, MOST_REQUESTS),
        default=REQUESTS,
        show_default=True,
        help="The most requests, the newest of them.",
    ),
)


def with_options(command: Command) -> Command:
    """Give a command the options that say which requests, in the order in which help lists them."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def load_settings(model: str | None, database: str | None) -> Settings:
    """Return the settings with what the command line says in their place."""
    settings = core_settings.load(model=model, database_url=database)
    return settings if database is None else settings.model_copy(update={"database_url_file": None})


def find(settings: Settings) -> CompiledModel:
    """Return the compiled model that the settings name; a version is taken from the cache. Raises LoadFailed."""
    return ModelSource(settings, settings.model).find(refresh="@" in settings.model)


@contextmanager
def loaded(compiled: CompiledModel, settings: Settings) -> Iterator[Runtime]:
    """Load a compiled model's runtime, and free it at the end. Raises LoadFailed."""
    runtime = runtimes.load(compiled, settings)
    try:
        yield runtime
    finally:
        runtime.close()


@contextmanager
def reading(settings: Settings) -> Iterator[Reader]:
    """Open the prediction log, and close it at the end. Raises TrivetError where there is none."""
    url = database_url(settings)
    if url is None:
        raise TrivetError("there is no prediction log to read: name its database by --database or TRIVET_DATABASE_URL")
    reader = Reader(url)
    try:
        yield reader
    finally:
        reader.close()


class Progress:
    """Tells how far a run is."""

    def __init__(self, stream: TextIO = sys.stderr, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._shown = ProgressLine(stream, clock())
        self.end = self._shown.end

    def __call__(self, requests: int, rows: int) -> None:
        now = self._clock()
        if self._shown.is_due(now):
            self._shown.tell(now, f"read      {requests:,} requests, {rows:,} rows")
