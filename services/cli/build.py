"""`trivet build`: a Bento, for BentoML's own commands."""

import contextlib
import importlib.util
import shutil
import sys

import click
import msgspec

from services.core import settings as core_settings
from services.core.errors import SettingsInvalid


@click.command()
@click.option("--model", help="What the Bento holds, as TRIVET_MODEL: a URI, a folder, or a list.")
@click.option("--without-model", is_flag=True, help="Serve what TRIVET_MODEL names where the Bento runs.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(model: str | None, without_model: bool, as_json: bool) -> None:
    """Build a Bento of this code and of published models, which `bentoml serve` and `bentoml containerize` take."""
    settings = core_settings.load(model=model)
    # What BentoML prints and logs is not the answer.
    with contextlib.redirect_stdout(sys.stderr):
        try:
            from services.engines.bentoml.build import build
        except ModuleNotFoundError as error:
            raise SettingsInvalid(f"a Bento needs {error.name}: install the extra trivet[bentoml]") from error
        if not (shutil.which("uv") or importlib.util.find_spec("uv")):
            raise SettingsInvalid("a Bento needs uv, which BentoML asks for: install the extra trivet[bento]")
        built = build(settings, with_models=not without_model)
    if as_json:
        print(msgspec.json.encode(built).decode())
        return
    for held in built.models:
        print(f"model     {held.tag}")
        print(f"digest    {held.digest}")
    print(f"bento     {built.bento}")
    print(f"next      BENTOML_HOME={built.home} bentoml serve {built.bento}")
