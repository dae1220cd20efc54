"""The `trivet` command. A verb's module is imported when the verb is used: serving never imports MLflow."""

import importlib
import sys

import click

from services import __version__
from services.core.errors import SettingsInvalid, TrivetError

VERBS = {
    "train": "Fit the iris example and log it to MLflow.",
    "publish": "Compile a model, check parity, register it and set its alias.",
    "promote": "Move an alias to a version.",
    "serve": "Serve a published model.",
}


class Verbs(click.Group):
    """A group whose commands live in `services.cli.VERB`, as `command`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        command: click.Command = importlib.import_module(f"services.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))


@click.command(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def group() -> None:
    """One model, three serving engines, one contract.

    Exit codes: 0 done (a server: drained after SIGTERM or Ctrl-C), 1 the work failed, 2 the command line is wrong,
    3 a setting is wrong.
    """


def main() -> None:
    """Run the command; a TrivetError becomes one line on standard error and exit code 1 (settings: 3)."""
    try:
        group()
    except TrivetError as error:
        print(f"trivet: {error.message}", file=sys.stderr)
        sys.exit(3 if isinstance(error, SettingsInvalid) else 1)


if __name__ == "__main__":
    main()
