"""The `trivet` command. A verb's module is imported when the verb is used: serving never imports MLflow."""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from services import __version__
from services.core.errors import SettingsInvalid, TrivetError

VERBS = {
    "train": "Fit the iris example and log it to MLflow.",
    "publish": "Compile a model, check parity, register it and set its alias.",
    "promote": "Move an alias to a version.",
    "rollback": "Move an alias back to the version before.",
    "serve": "Serve a published model.",
    "build": "Build a Bento of a published model.",
    "replay": "Let another version answer logged requests, and compare.",
    "drift": "Compare logged requests with the training sample, and answers with the truth.",
    "conform": "Check a server against the protocol, clause by clause.",
    "load": "Load a server at a rate of your choice, and find its knee.",
    "simulate": "Replay a load through a rendered autoscaler, without a cluster.",
}
# The extras that verbs need; what `serve` needs depends on its engine.
EXTRAS = {
    "train": "registry",
    "publish": "registry",
    "promote": "registry",
    "rollback": "registry",
    "drift": "sklearn",
    "conform": "conform",
    "simulate": "simulate",
}


@contextmanager
def extra_named(verb: str) -> Iterator[None]:
    """Say of a package that is not there which extra brings it, where one does."""
    try:
        yield
    except ModuleNotFoundError as error:
        if verb not in EXTRAS:
            raise
        needed = f"trivet {verb} needs {error.name}: install the extra trivet[{EXTRAS[verb]}]"
        raise click.ClickException(needed) from error


class Verbs(click.Group):
    """A group whose commands live in `services.cli.VERB`, as `command`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        with extra_named(cmd_name):
            command: click.Command = importlib.import_module(f"services.cli.{cmd_name}").command
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ModuleNotFoundError:  # of what a verb imports once it runs
            with extra_named(str(ctx.invoked_subcommand)):
                raise

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
