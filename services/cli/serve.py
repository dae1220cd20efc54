"""`trivet serve`: the main job."""

import click

from services.core import settings as core_settings


@click.command("serve")
@click.option("--engine", type=click.Choice(["fastapi"]), default="fastapi", show_default=True)
@click.option("--model", help="models:/NAME@ALIAS, models:/NAME/VERSION, or the folder of a compiled model.")
@click.option("--host", help="The address to listen on.")
@click.option("--port", type=int, help="The port to listen on; 0 takes a free one.")
@click.option("--workers", type=click.IntRange(1, 256), default=1, show_default=True, help="Processes on this machine.")
@click.option("--fd", type=int, hidden=True)
def command(engine: str, model: str | None, host: str | None, port: int | None, workers: int, fd: int | None) -> None:
    """Serve a published model until SIGTERM or Ctrl-C; everything else is a TRIVET_ variable, see docs/settings.md."""
    del engine  # one so far
    settings = core_settings.load(model=model, host=host, port=port)
    if workers > 1:
        from services.engines.fastapi.workers import supervise

        supervise(settings, workers)
        return
    from services.engines.fastapi.serve import serve

    serve(settings, fd=fd)
