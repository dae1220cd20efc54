"""The Serve application of one `trivet serve`, from start to drain."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import ray
from ray import serve
from ray.serve.handle import DeploymentHandle

from services.core.settings import Settings
from services.engines.ray.app import predictor

NAME = "trivet"
# Ray's smallest; a request's bytes do not go through the object store.
OBJECT_STORE_BYTES = 80 * 1024 * 1024
# How long a replica may take to end after its drain, to write what is left of the prediction log.
END_SECONDS = 5.0


class Service:
    """Starts Ray or joins one, and runs the application there."""

    def __init__(self, settings: Settings, replica_count: int, folder: Path) -> None:
        self._settings = settings
        self._replica_count = replica_count
        self._folder = folder
        self._handle: DeploymentHandle[Any] | None = None

    async def start(self) -> AsyncIterator[None]:
        """Take one step after the other, and yield after each; after the last every replica answers."""
        for step in (self._start_ray, self._start_proxy, self._start_replicas):
            await asyncio.to_thread(step)
            yield

    async def drain(self) -> None:
        """Let every replica drain, all at once."""
        if self._handle is not None:
            await self._handle.broadcast("drain").results_async()

    async def stop(self) -> None:
        """Remove the application, and end Ray where it is our own."""
        if ray.is_initialized():
            await serve.shutdown_async()  # type: ignore[no-untyped-call]
            await asyncio.to_thread(ray.shutdown)

    def _start_ray(self) -> None:
        if self._settings.ray_address is not None:
            ray.init(self._settings.ray_address, log_to_driver=False, configure_logging=False)
            return
        ray.init(
            "local",
            num_cpus=self._replica_count,
            object_store_memory=OBJECT_STORE_BYTES,
            include_dashboard=False,
            log_to_driver=False,
            configure_logging=False,
            _temp_dir=str(self._folder),
        )

    def _start_proxy(self) -> None:
        settings = self._settings
        serve.start(
            proxy_location="HeadOnly",
            http_options={
                "host": settings.host,
                "port": settings.port,
                "keep_alive_timeout_s": settings.keep_alive_seconds,
            },
        )

    def _start_replicas(self) -> None:
        replicas = predictor.options(
            num_replicas=self._replica_count,
            user_config={"model": self._settings.model},
            graceful_shutdown_timeout_s=self._settings.drain_timeout_seconds + END_SECONDS,
        )
        # A cluster that is joined may run the replicas on another machine, where the socket is not.
        log_path = None if self._settings.ray_address else str(self._folder / "log")
        self._handle = serve.run(replicas.bind(log_path, self._replica_count > 1), name=NAME)
