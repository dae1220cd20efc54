"""One inference, whatever the transport: check, admit, batch, run, answer."""

import asyncio
from time import perf_counter

from services.core.errors import Overloaded, TooLarge
from services.core.health import Health
from services.core.jobs import Outcome
from services.core.metrics import Metrics
from services.core.model_table import LoadedModel
from services.core.settings import Settings
from services.core.tensors import Tensors, size_of

# Looking at this many bytes takes well under a millisecond; more is looked at in a thread.
INLINE_BYTES = 1 << 20


class Inference:
    """What stands between a decoded request and a runtime."""

    def __init__(self, health: Health, settings: Settings, metrics: Metrics) -> None:
        self._health = health
        self._metrics = metrics
        self._max_rows = settings.max_request_rows
        self._timeout_seconds = settings.request_timeout_seconds

    async def infer(self, model: LoadedModel, inputs: Tensors, timeout_seconds: float | None = None) -> Outcome:
        """Run one request.

        timeout_seconds: the client's, capped by the server's own.
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
        timeout = self._timeout_seconds if timeout_seconds is None else min(timeout_seconds, self._timeout_seconds)
        batcher = model.batcher
        try:
            model.admission.admit(rows, batcher.queued_rows, batcher.busy_seconds(), timeout)
        except Overloaded as error:
            self._metrics.refused(model.identity.name, error.reason)
            raise
        self._health.in_flight += 1
        model.metrics.in_flight.inc()
        started = perf_counter()
        try:
            outcome = await batcher.submit(inputs, rows, timeout)
        except BaseException:
            model.statistics.failed(perf_counter() - started)
            raise
        else:
            model.statistics.answered(rows, outcome.queue_seconds, perf_counter() - started)
            return outcome
        finally:
            self._health.in_flight -= 1
            model.metrics.in_flight.dec()
