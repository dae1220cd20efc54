"""One inference, whatever the transport: check, admit, batch, run, answer."""

import asyncio
from time import perf_counter

from services.core.errors import Overloaded, TooLarge
from services.core.health import Health
from services.core.jobs import Outcome
from services.core.loaded_model import LoadedModel
from services.core.metrics import Metrics
from services.core.settings import Settings
from services.core.shadow import Shadow
from services.core.tensors import Tensors, size_of

# Looking at this many bytes takes well under a millisecond; more is looked at in a thread.
INLINE_BYTES = 1 << 20


class Inference:
    """What stands between a decoded request and a runtime."""

    def __init__(self, health: Health, settings: Settings, metrics: Metrics, shadow: Shadow | None = None) -> None:
        self._health = health
        self._metrics = metrics
        self._shadow = shadow
        self._max_rows = settings.max_request_rows
        self._timeout_seconds = settings.request_timeout_seconds

    def check_room(self, model: LoadedModel, body_bytes: int) -> None:
        """Raise Overloaded when a body could not queue now, going by its size and what others had in theirs.

        Asked before it is decoded: under overload most requests are refused, and their cost is taken from the runs of
        the others.
        """
        if model.batcher.is_running:
            self._admit(model, 1, self._timeout_seconds, model.admission.likely_rows(body_bytes))

    async def infer(
        self, model: LoadedModel, inputs: Tensors, timeout_seconds: float | None = None, body_bytes: int = 0
    ) -> Outcome:
        """Run one request.

        timeout_seconds: the client's, capped by the server's own. body_bytes: of what was sent, where known.
        Raises UnfitInput, TooLarge, NotReady, Overloaded, DeadlineExceeded or RuntimeFailed.
        """
        self._health.check_accepting()
        if size_of(inputs) <= INLINE_BYTES:
            rows = model.signature.check(inputs)
        else:
            rows = await asyncio.to_thread(model.signature.check, inputs)
        if rows > self._max_rows:
            limit = f"{self._max_rows} (TRIVET_MAX_REQUEST_ROWS)"
            raise TooLarge(f"the request has {rows} rows, and at most {limit} are served")
        if body_bytes:
            model.admission.learn(rows, body_bytes)
        timeout = self._timeout_seconds if timeout_seconds is None else min(timeout_seconds, self._timeout_seconds)
        self._admit(model, rows, timeout)
        self._health.in_flight += 1
        model.metrics.in_flight.inc()
        started = perf_counter()
        try:
            outcome = await model.batcher.submit(inputs, rows, timeout)
        except BaseException:
            model.statistics.failed(perf_counter() - started)
            raise
        else:
            model.statistics.answered(rows, outcome.queue_seconds, perf_counter() - started)
            model.recent.keep(inputs, outcome.outputs, rows)
            if self._shadow is not None:
                self._shadow.offer(model, inputs, outcome.outputs, rows)
            return outcome
        finally:
            self._health.in_flight -= 1
            model.metrics.in_flight.dec()

    def _admit(self, model: LoadedModel, rows: int, timeout_seconds: float, likely_rows: int = 0) -> None:
        try:
            model.admission.admit(rows, model.batcher.ahead(), timeout_seconds, likely_rows)
        except Overloaded as error:
            self._metrics.refused(model.identity.name, error.reason)
            raise
