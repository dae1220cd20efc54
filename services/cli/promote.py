"""`trivet promote`: an alias moves to another version."""

import click
import msgspec

from services.core import settings


@click.command()
@click.argument("model")
@click.argument("version")
@click.option("--alias", default="production", show_default=True, help="The alias to move.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(model: str, version: str, alias: str, as_json: bool) -> None:
    """Point the alias of MODEL at VERSION, and remember the version before; servers follow at their next look."""
    from services.registry import register, store

    store.connect(settings.load().home)
    promoted = register.promote(model, version, alias)
    if as_json:
        print(msgspec.json.encode(promoted).decode())
    else:
        before = f"; before: version {promoted.previous}" if promoted.previous else ""
        print(f"models:/{model}@{alias} is version {promoted.version}{before}")
