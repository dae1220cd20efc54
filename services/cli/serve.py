"""`trivet serve`: the main job."""

import importlib
import sys
from typing import Any, get_args

import click

from services.core import settings as core_settings
from services.core.errors import SettingsInvalid, TrivetError
from services.core.last_words import LastWords


@click.command("serve")
@click.option("--engine", type=click.Choice(get_args(core_settings.Engine)), default="fastapi", show_default=True)
@click.option(
    "--model", help="models:/NAME@ALIAS, models:/NAME/VERSION, a compiled model's folder, or several, by commas."
)
@click.option("--host", help="The address to listen on.")
@click.option("--port", type=int, help="The port to listen on; 0 takes a free one.")
@click.option("--workers", type=click.IntRange(1, 256), default=1, show_default=True, help="Processes on this machine.")
def command(engine: str, model: str | None, host: str | None, port: int | None, workers: int) -> None:
    """Serve published models until SIGTERM or Ctrl-C; everything else is a TRIVET_ variable, see docs/settings.md."""
    last_words = LastWords(core_settings.termination_log())
    try:
        settings = core_settings.load(model=model, host=host, port=port)
        last_words.clear()
        _module(engine).serve(settings, workers)
    except TrivetError as error:
        last_words.write(error.message)
        raise
    if last_words.were_written():
        sys.exit(1)


def _module(engine: str) -> Any:
    try:
        return importlib.import_module(f"services.engines.{engine}.serve")
    except ModuleNotFoundError as error:
        raise SettingsInvalid(f"--engine {engine} needs {error.name}: install the extra trivet[{engine}]") from error
