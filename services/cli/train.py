"""`trivet train`: the example model."""

import contextlib
import sys

import click
import msgspec

from services.core import settings


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(as_json: bool) -> None:
    """Fit the iris example and log it to MLflow with its signature and an input example."""
    from services.registry import store
    from services.registry.train import train
    from services.runtimes.sklearn_types import TRUSTED_TYPES

    # MLflow prints links on standard output, which is for the answer.
    with contextlib.redirect_stdout(sys.stderr):
        where = store.connect(settings.load().home)
        trained = train(TRUSTED_TYPES)
    if as_json:
        print(msgspec.json.encode(trained).decode())
        return
    print(f"fitted    RandomForestClassifier, 100 trees, on {trained.rows_trained} rows of iris")
    print(f"accuracy  {trained.accuracy:.3f} on {trained.rows_held_out} rows held out")
    print(f"logged    {trained.uri} in {where}")
    print(f"next      trivet publish {trained.uri}")
