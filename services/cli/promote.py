"""`trivet promote`: an alias moves to another version, perhaps only if that is healthy."""

import sys
from typing import TYPE_CHECKING, Any

import click
import msgspec

from services.cli import promote_options
from services.core import settings
from services.core.errors import SettingsInvalid, TrivetError

if TYPE_CHECKING:
    from services.registry.register import Promoted


@click.command()
@click.argument("model")
@click.argument("version")
@click.option("--alias", default="production", show_default=True, help="The alias to move.")
@promote_options.with_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def command(
    context: click.Context, /, model: str, version: str, alias: str, if_healthy: bool, as_json: bool, **given: Any
) -> None:
    """Point the alias of MODEL at VERSION, and remember the version before; servers follow at their next look.

    With --if-healthy only when VERSION, a shadow or a canary so far, has kept the thresholds by its metrics. Then its
    error budget is watched: on a breach, or where too little is known in the end, the alias goes back by itself.

    Exit codes of --if-healthy: 0 promoted and healthy, 1 refused, nothing was moved, 2 the command line is wrong,
    3 promoted, and moved back, 4 not healthy, and the alias is not moved back, 130 stopped while it watched.
    """
    if if_healthy:
        sys.exit(_promote_if_healthy(*promote_options.order_of(model, version, alias, given), as_json=as_json))
    promote_options.check_alone(context)
    from services.registry import register, store

    store.connect(settings.load().home)
    say(register.promote(model, version, alias), as_json=as_json)


def _promote_if_healthy(order: Any, prometheus: Any, *, as_json: bool) -> int:
    """Return the exit code; lines of progress go to standard error where standard output is for JSON."""
    from services.promotion.promotion import Promotion
    from services.registry import register, store

    try:
        store.connect(settings.load().home)
    except SettingsInvalid as error:
        raise TrivetError(error.message) from error  # 3 would say that the alias was moved, and moved back
    stream = sys.stderr if as_json else sys.stdout
    promotion = Promotion(order, prometheus, register, say=lambda line: print(line, file=stream, flush=True))
    result = promotion.run()
    if as_json:
        print(msgspec.json.encode(result).decode())
    else:
        now = f" (models:/{result.name}@{result.alias} is version {result.version})" if result.version else ""
        print(f"{result.outcome.replace('_', ' ')}: {result.reason}{now}")
    return result.exit_code


def say(promoted: "Promoted", *, as_json: bool) -> None:
    """Print where an alias points now."""
    if as_json:
        print(msgspec.json.encode(promoted).decode())
    else:
        before = f"; before: version {promoted.previous}" if promoted.previous else ""
        print(f"models:/{promoted.name}@{promoted.alias} is version {promoted.version}{before}")
