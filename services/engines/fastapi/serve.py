"""`trivet serve --engine fastapi`."""

from services.core.settings import Settings
from services.engines.fastapi import process, workers


def serve(settings: Settings, worker_count: int) -> None:
    """Serve until SIGTERM or SIGINT, in this process or in so many of its own. Raises SettingsInvalid."""
    if worker_count > 1:
        workers.supervise(settings, worker_count)
    else:
        process.run(settings)
