"""How BentoML hosts the contract's application: in front of its own, in each of its workers."""

import asyncio
import contextlib
import logging
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvicorn.config
from _bentoml_sdk import Service
from bentoml import Bento
from bentoml._internal.configuration.containers import BentoMLContainer
from bentoml._internal.utils.analytics.usage_stats import do_not_track

from services.core import logs
from services.core import settings as core_settings
from services.core.settings import Settings
from services.engines.bentoml.model_store import PackedSource, StoredSource
from services.engines.bentoml.refused import is_unexpected

if TYPE_CHECKING:
    from services.http.app import Application
    from services.registry.source import ModelSource

ENGINE = "bentoml"
# Loggers that BentoML gives handlers of its own, and a level that lets its chatter pass.
THEIR_LOGGERS = ("bentoml", "circus", "uvicorn.error")
THEIR_REFUSALS = "bentoml._internal.server.http_app"
# BentoML's time-outs are longer than Trivet's by so much, or its answers would come first.
MARGIN_SECONDS = 5.0

logger = logging.getLogger("trivet.workers")


class HostedService(Service[Any]):
    """A BentoML service whose ASGI application is the contract's, with BentoML's own paths beside it.

    is_supervised: whether the process above is BentoML's supervisor.
    """

    app: "Application"
    is_supervised = True
    _drain: "asyncio.Task[None] | None" = None

    def on_load_bento(self, bento: Bento) -> None:
        """Take a built Bento; what BentoML logs from now on is JSON, too."""
        super().on_load_bento(bento)
        log_as_json(core_settings.load().log_level)

    def inject_config(self) -> None:
        """Set BentoML up, whichever way it was started: it tells nobody, and its log lines are ours."""
        super().inject_config()
        core_settings.hand_down({"BENTOML_DO_NOT_TRACK": True})
        do_not_track.cache_clear()  # `bentoml serve` has asked before
        log_as_json(core_settings.load().log_level)

    def to_asgi(self, is_main: bool = True) -> Any:
        """Return what a worker's uvicorn serves. Raises SettingsInvalid."""
        # Imported by workers only: the process above them serves nothing.
        from services.core.metrics import Metrics
        from services.engines.bentoml.front import Front
        from services.http.app import create_app
        from services.http.protocol import bounded_protocol
        from services.registry.selection import Selection

        self.inject_config()
        settings = core_settings.load()
        make: type[ModelSource] = StoredSource
        if self.bento is not None:
            settings, make = _of_bento(self.bento, settings)
        if settings.metrics_folder is not None:
            forget_dead_workers(settings.metrics_folder)
        # The worker makes its uvicorn.Config itself, and this dict is the only place where that can be told of another
        # protocol: "auto" is what it asks for.
        uvicorn.config.HTTP_PROTOCOLS["auto"] = bounded_protocol(settings)  # type: ignore[assignment]
        metrics = Metrics(ENGINE, settings.metrics_folder)
        ends = os.getppid() if self.is_supervised else os.getpid()
        self.app = create_app(settings, metrics, Selection(settings, make), supervisor_pid=ends)
        self.mount_asgi_app(self.app)
        self._wait_longer_than(settings.request_timeout_seconds)
        return Front(self.app, super().to_asgi(is_main), [method.route for method in self.apis.values()])

    def _wait_longer_than(self, seconds: float) -> None:
        self.config["traffic"]["timeout"] = seconds + MARGIN_SECONDS
        for method in self.apis.values():
            method.max_latency_ms = round(1000 * (seconds + MARGIN_SECONDS))

    def drain_at_signals(self) -> None:
        """Let SIGTERM and SIGINT drain first, and then end the worker as its uvicorn means to.

        Called while the worker starts, when uvicorn has set its own handlers.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            handler = signal.getsignal(number)
            loop.add_signal_handler(number, self._drain_once, number, handler)

    def _drain_once(self, number: int, handler: Any) -> None:
        # Ctrl-C reaches the worker twice: from the terminal, and from the parent.
        if self._drain is None:
            self._drain = asyncio.create_task(self._drain_then(number, handler))

    async def _drain_then(self, number: int, handler: Any) -> None:
        await self.app.server.drain()
        handler(number, None)


def _of_bento(bento: Bento, settings: Settings) -> "tuple[Settings, type[ModelSource]]":
    """Return what a worker of a built Bento goes by: the models are the Bento's own, if it has any."""
    # BentoML has made the Bento's sources the working directory, and nothing belongs there.
    own = settings.model_copy(update={"home": Path(BentoMLContainer.bentoml_home.get()) / settings.home})
    if not bento.info.all_models:
        return own, StoredSource
    tags = ",".join(str(model.tag) for model in bento.info.all_models)
    return own.model_copy(update={"model": tags}), PackedSource


def log_as_json(level: str) -> None:
    """Send everything that the process logs to standard output as JSON lines, BentoML's own warnings included."""
    logs.configure(level)
    for name in THEIR_LOGGERS:
        theirs = logging.getLogger(name)
        theirs.handlers.clear()
        theirs.propagate = True
        theirs.setLevel(logging.NOTSET)
    logging.getLogger(THEIR_REFUSALS).addFilter(is_unexpected)
    logging.getLogger("uvicorn.access").propagate = False  # one that has no handlers is not even asked


def forget_dead_workers(metrics_folder: Path) -> None:
    """Take the gauges of workers that were killed out of the metrics: nobody else does, here."""
    from prometheus_client import multiprocess

    from services.core.metrics import exporting
    from services.core.processes import is_alive

    for pid in sorted(exporting(metrics_folder)):
        if not is_alive(pid):
            logger.error("worker died", extra={"pid": pid})
            with contextlib.suppress(FileNotFoundError):  # another worker does so too
                multiprocess.mark_process_dead(pid, str(metrics_folder))  # type: ignore[no-untyped-call]
