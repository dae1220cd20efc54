"""One Ray Serve replica: the contract's application as its ingress, and a native call beside it."""

import asyncio
import contextlib
import sys
from typing import Any, BinaryIO, cast

import msgspec
import numpy as np
from ray import serve

from services.core import logs
from services.core.answers import encode_row
from services.core.errors import TrivetError, UnfitInput
from services.core.health import Health
from services.core.metrics import Metrics
from services.core.predict_body import decode_row
from services.engines.ray import log_socket, user_config
from services.engines.ray.bridge import Bridge
from services.engines.ray.front import Behind
from services.http.app import create_app
from services.http.errors import STATUS
from services.http.server import LATE_SECONDS

ENGINE = "ray"
# Serve hands over what has arrived; the server's own batcher then decides what runs together, as for every request.
HANDED_OVER_ROWS = 256
# How often a first health check looks whether the model is loaded.
LOOK_SECONDS = 0.05


def _own_output() -> BinaryIO:
    """Return the replica's real standard output; Ray puts a logger of its own in its place."""
    assert sys.__stdout__ is not None
    return cast(BinaryIO, sys.__stdout__.buffer)


class Refused(Exception):
    """What a handle call raises. status: the HTTP status that the same request would get. It pickles, as Ray asks."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message


async def _started(health: Health) -> None:
    while health.status == "starting":  # noqa: ASYNC110 - a status is no event
        await asyncio.sleep(LOOK_SECONDS)


def _body(row: Any) -> bytes:
    """Return the body of `POST /predict` that asks the same. Raises UnfitInput for what JSON cannot say."""
    try:
        return msgspec.json.encode({"features": row}, enc_hook=_plain)
    except (TypeError, ValueError) as error:
        raise UnfitInput(f"a row is a list of values, or a dict of them by their names: {error}") from error


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is none")


@serve.ingress()
class Predictor:
    """The server of one replica.

    log_path: under `trivet serve`, the Unix socket that takes the log's lines. On a cluster there is none: they go to
    the replica's standard output, which Ray keeps in its log folder. has_peers: whether others answer meanwhile.
    """

    def __init__(self, log_path: str | None = None, has_peers: bool = False) -> None:
        self._on_cluster = log_path is None
        self._has_peers = has_peers
        self._config = user_config.parse(serve.get_replica_context()._deployment_config.user_config)
        settings = user_config.settings_of(self._config)
        logs.configure(settings.log_level, log_socket.connect(log_path) if log_path else _own_output())
        metrics = Metrics(ENGINE)
        self._application = create_app(settings, metrics)
        self._bridge = Bridge(metrics)

    def __serve_build_asgi_app__(self) -> Behind:
        """Hand the application to Ray, which runs its lifespan."""
        self._bridge.start()
        return Behind(self._application)

    async def reconfigure(self, config: dict[str, Any] | None) -> None:
        """Take a changed `user_config`: the model is loaded with it beside what is served. Raises SettingsInvalid."""
        changed = user_config.parse(config)
        if changed != self._config:
            self._application.server.change(user_config.settings_of(changed))
            self._config = changed

    async def check_health(self) -> None:
        """Let Ray replace a replica that has nothing to serve, and keep what was served before an upgrade.

        Ray sends requests to a replica as soon as its first check is over, so that waits for the model. Under
        `trivet serve` there is nothing else, and the replica says why, as on the other engines; one of several waits
        as long as one of several workers does.
        """
        server = self._application.server
        if not self._on_cluster:
            if self._has_peers:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(_started(server.health), LATE_SECONDS)
            return
        await _started(server.health)
        if server.health.status == "failed":
            reasons = [entry.reason for entry in server.table.entries() if entry.reason] or ["the log says why"]
            raise RuntimeError(f"the model could not be loaded: {reasons[0]}")

    async def drain(self) -> None:
        """Stop being ready, then stop accepting, then wait for what is in flight."""
        await self._application.server.drain()

    async def predict(self, row: list[Any] | dict[str, Any], model: str | None = None) -> dict[str, Any]:
        """Answer one row to another Serve application, as `POST /predict` answers its `features`. Raises Refused.

        row: its values in order, also as a NumPy array, or by their names. model: one of several, by its name; by
        default that of `/predict`.
        """
        answer = await self._predict_rows((row, model))
        if isinstance(answer, Refused):
            raise answer
        return answer

    @serve.batch(max_batch_size=HANDED_OVER_ROWS, batch_wait_timeout_s=0)
    async def _predict_rows(self, asked: list[tuple[Any, str | None]]) -> list[dict[str, Any] | Refused]:
        return await asyncio.gather(*(self._answer(row, name) for row, name in asked))

    async def _answer(self, row: Any, name: str | None) -> dict[str, Any] | Refused:
        server = self._application.server
        try:
            model = await server.present(name)
            inputs = decode_row(_body(row), model.signature)
            outcome = await server.inference.infer(model, inputs)
        except TrivetError as error:
            return Refused(STATUS.get(type(error), 500), error.message)
        answer: dict[str, Any] = msgspec.json.decode(encode_row(outcome.outputs))
        return answer
