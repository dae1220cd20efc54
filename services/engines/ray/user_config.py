"""What can change while replicas run: Ray's `user_config`."""

from typing import Any

import msgspec

from services.core import settings as core_settings
from services.core.errors import SettingsInvalid
from services.core.settings import Settings


class UserConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings that win over the environment of a replica, by their names in docs/settings.md; None leaves them.

    All are what a model is loaded with, so a change is a load beside what is served, and a swap.
    """

    model: str | None = None
    max_batch_rows: int | None = None
    batch_wait_seconds: float | None = None
    max_queue_rows: int | None = None
    max_queue_seconds: float | None = None
    runtime_threads: int | None = None

    def for_ray(self) -> dict[str, Any]:
        """Return what it says, as Ray keeps it."""
        return {name: value for name, value in msgspec.structs.asdict(self).items() if value is not None}


def parse(value: Any) -> UserConfig:
    """Read what Ray hands over. Raises SettingsInvalid."""
    try:
        return msgspec.convert(value or {}, UserConfig)
    except msgspec.ValidationError as error:
        raise SettingsInvalid(f"user_config: {error}") from error


def settings_of(config: UserConfig) -> Settings:
    """Return the settings of a replica: its environment, and over it what the configuration says.

    Raises SettingsInvalid.
    """
    return core_settings.load(**config.for_ray())
