"""`trivet serve --engine bentoml`: what `bentoml serve` does, with Trivet's settings."""

import contextlib
import signal
import socket
import tempfile

from _bentoml_impl.server import serve_http
from _bentoml_impl.worker.service import main as bentoml_worker
from bentoml._internal.configuration.containers import BentoMLContainer
from bentoml._internal.log import SERVER_LOGGING_CONFIG
from bentoml._internal.server.metrics.prometheus import PrometheusClient

from services.core import settings as core_settings
from services.core.errors import SettingsInvalid
from services.core.metrics import Metrics
from services.core.settings import Settings
from services.engines.bentoml.home import open_home
from services.engines.bentoml.hosted import ENGINE, HostedService
from services.engines.bentoml.model_store import StoredSource
from services.engines.bentoml.service import Trivet
from services.engines.bentoml.supervisor import hear_every_signal
from services.http.protocol import BACKLOG
from services.http.server import Server
from services.registry.selection import Selection, absolute


def serve(settings: Settings, worker_count: int) -> None:
    """Serve until SIGTERM or SIGINT, in this process or in so many below it. Raises SettingsInvalid."""
    open_home(settings)
    # The workers of a Bento have its sources as their working directory.
    core_settings.hand_down({"TRIVET_MODEL": absolute(settings.model), "TRIVET_HOME": settings.home.resolve()})
    service: HostedService = Trivet  # type: ignore[assignment]  # the decorator made it one
    service.config["workers"] = worker_count
    service.inject_config()
    # A Bento may have more services than one, and only the supervisor looks for TLS in BENTOML_CONFIG.
    if worker_count == 1 and settings.bento is None and not BentoMLContainer.ssl.enabled.get():
        _work(service, settings)
    else:
        _supervise(_target(service, settings), settings)


def _work(service: HostedService, settings: Settings) -> None:
    """Be BentoML's worker. Nobody is above it: whoever started this process starts it again."""
    service.is_supervised = False
    BentoMLContainer.metrics_client.set(PrometheusClient(multiproc=False))
    SERVER_LOGGING_CONFIG["disable_existing_loggers"] = False  # where the supervisor starts it, there are none yet
    options = {
        "--fd": _listen(settings).detach(),
        "--worker-id": 1,
        "--backlog": BACKLOG,
        "--timeout-keep-alive": settings.keep_alive_seconds,
        "--timeout-graceful-shutdown": _grace_seconds(settings),
    }
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    with contextlib.suppress(Ended):
        arguments = [str(part) for option in options.items() for part in option]
        bentoml_worker([service.import_string, *arguments], standalone_mode=False)


class Ended(SystemExit):
    """A signal that comes before the worker serves, or that its uvicorn raises once more when it has drained."""


def _end(*_: object) -> None:
    raise Ended


def _supervise(target: HostedService | str, settings: Settings) -> None:
    """Have BentoML's supervisor start its workers below this process, and again when they die."""
    # Whatever is wrong with a setting is said here: a worker that ends over it would be started again and again.
    Server(settings, Metrics(ENGINE), Selection(settings, StoredSource))
    hear_every_signal()
    with tempfile.TemporaryDirectory(prefix="trivet-metrics-", ignore_cleanup_errors=True) as folder:
        # BentoML's own place is one for all servers of a home, and each empties it when it starts.
        BentoMLContainer.prometheus_multiproc_dir.set(folder)
        try:
            serve_http(
                target,
                host=_address(settings.host),
                port=settings.port,
                backlog=BACKLOG,
                timeout_keep_alive=settings.keep_alive_seconds,
                timeout_graceful_shutdown=_grace_seconds(settings),
            )
        except OSError as error:
            raise _taken(settings, error) from error


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


def _listen(settings: Settings) -> socket.socket:
    """Return the socket of a worker. Raises SettingsInvalid."""
    address = _address(settings.host)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        return socket.create_server((address, settings.port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise _taken(settings, error) from error


def _taken(settings: Settings, error: OSError) -> SettingsInvalid:
    return SettingsInvalid(f"cannot listen on {settings.host}:{settings.port}: {error.strerror}")


def _grace_seconds(settings: Settings) -> int:
    return max(1, round(settings.drain_timeout_seconds))
