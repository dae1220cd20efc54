"""`trivet serve --engine bentoml`: what `bentoml serve` does, with Trivet's settings."""

import socket
import tempfile

from _bentoml_impl.server import serve_http
from bentoml._internal.configuration.containers import BentoMLContainer

from services.core import settings as core_settings
from services.core.errors import SettingsInvalid
from services.core.metrics import Metrics
from services.core.settings import Settings
from services.engines.bentoml.home import open_home
from services.engines.bentoml.hosted import ENGINE, HostedService
from services.engines.bentoml.model_store import StoredSource
from services.engines.bentoml.service import Trivet
from services.http.protocol import BACKLOG
from services.http.server import Server
from services.registry.selection import Selection, absolute


def serve(settings: Settings, worker_count: int) -> None:
    """Serve until SIGTERM or SIGINT, in so many worker processes below this one. Raises SettingsInvalid."""
    # Whatever is wrong with a setting is said here: a worker that ends over it would be started again and again.
    Server(settings, Metrics(ENGINE), Selection(settings, StoredSource))
    open_home(settings)
    # The workers of a Bento have its sources as their working directory.
    core_settings.hand_down({"TRIVET_MODEL": absolute(settings.model), "TRIVET_HOME": settings.home.resolve()})
    service: HostedService = Trivet  # type: ignore[assignment]  # the decorator made it one
    service.config["workers"] = worker_count
    service.inject_config()
    with tempfile.TemporaryDirectory(prefix="trivet-metrics-", ignore_cleanup_errors=True) as folder:
        # BentoML's own place is one for all servers of a home, and each empties it when it starts.
        BentoMLContainer.prometheus_multiproc_dir.set(folder)
        try:
            serve_http(
                _target(service, settings),
                host=_address(settings.host),
                port=settings.port,
                backlog=BACKLOG,
                timeout_keep_alive=settings.keep_alive_seconds,
                timeout_graceful_shutdown=max(1, round(settings.drain_timeout_seconds)),
            )
        except OSError as error:
            raise SettingsInvalid(f"cannot listen on {settings.host}:{settings.port}: {error.strerror}") from error


def _target(service: HostedService, settings: Settings) -> HostedService | str:
    """Return the service of this package, or the folder of a Bento, which has its own. Raises SettingsInvalid."""
    if settings.bento is None:
        return service
    if not (settings.bento / "bento.yaml").is_file():
        raise SettingsInvalid(f"BENTO_PATH: {settings.bento} is no Bento: it holds no bento.yaml")
    return str(settings.bento.resolve())


def _address(host: str) -> str:
    """Return the IP address of a host, since BentoML takes no names. Raises SettingsInvalid."""
    try:
        return str(socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0][4][0])
    except OSError as error:
        raise SettingsInvalid(f"TRIVET_HOST: {host}: {error.strerror}") from error
