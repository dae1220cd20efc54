"""Where BentoML keeps its models and Bentos, for this process and those below it."""

from pathlib import Path

from services.core import settings as core_settings
from services.core.errors import SettingsInvalid
from services.core.settings import Settings


def open_home(settings: Settings) -> Path:
    """Make BentoML's home, have BentoML use it and tell nobody, and return it: to be called before it looks.

    Raises SettingsInvalid.
    """
    home = (settings.bentoml_home or settings.home / "bentoml").resolve()
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsInvalid(f"BENTOML_HOME: {home} cannot be made: {error.strerror}") from error
    core_settings.hand_down({"BENTOML_HOME": home, "BENTOML_DO_NOT_TRACK": True})
    return home
