"""`trivet rollback`: an alias goes back to the version before."""

import click

from services.cli.promote import say
from services.core import settings


@click.command()
@click.argument("model")
@click.option("--alias", default="production", show_default=True, help="The alias to move.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(model: str, alias: str, as_json: bool) -> None:
    """Point the alias of MODEL at the version before; servers that still hold it need no load."""
    from services.registry import register, store

    store.connect(settings.load().home)
    say(register.roll_back(model, alias), as_json=as_json)
