"""The BentoML service: the contract's application, and beside it an API in BentoML's own style."""

from typing import Annotated, Any

import bentoml
import msgspec
import numpy as np
from pydantic import AfterValidator

from services.core.answers import encode_rows
from services.core.errors import NotReady, TrivetError
from services.core.tensors import Array
from services.engines.bentoml.hosted import HostedService
from services.engines.bentoml.refused import Refused
from services.engines.bentoml.rows import tensors_of

NAME = "trivet"
SERVICE = "services.engines.bentoml.service:Trivet"
ROUTE = "/bentoml/predict"
NAMED_ROUTE = "/bentoml/predict_named"
# As many rows as one run takes by default; what is merged here is not cut again there.
MAX_BATCH_ROWS = 256
# BentoML's own time-outs, for the whole request and for its wait to be merged. A worker sets both by Trivet's own.
TIMEOUT_SECONDS = 60
MAX_LATENCY_MS = 1000 * TIMEOUT_SECONDS
# More than Trivet's admission lets wait.
MAX_CONCURRENCY = 100_000


def _fitting(rows: Array) -> Array:
    """Refuse rows that do not fit before BentoML merges them with other people's, who would be refused with them."""
    try:
        signature = bentoml.get_current_service().bento_service.app.server.table.find_default().signature
        signature.check(tensors_of(rows, signature))
    except NotReady:
        return rows  # a model that was evicted is loaded again when it is asked
    except TrivetError as error:
        raise Refused(error) from error
    return rows


Rows = Annotated[np.ndarray, AfterValidator(_fitting)]


@bentoml.service(  # type: ignore[operator]  # a function at run time, a module to mypy
    name=NAME,
    service_class=HostedService,
    workers=1,
    traffic={"timeout": TIMEOUT_SECONDS, "max_concurrency": MAX_CONCURRENCY},
    # The contract has these three itself, and they took two thirds of a request's time.
    metrics={"enabled": False},
    logging={"access": {"enabled": False}},
    tracing={"excluded_urls": ".*"},
    envs=[{"name": "BENTOML_DO_NOT_TRACK", "value": "True"}],
)
class Trivet:
    """Models behind Trivet's contract."""

    bento_service: HostedService

    @bentoml.on_startup
    async def drain_at_the_end(self) -> None:
        """Have SIGTERM and SIGINT drain first; uvicorn has set its own handlers by now."""
        self.bento_service.drain_at_signals()

    def __is_ready__(self) -> bool:
        """Whether BentoML's `/readyz` says so."""
        return self.bento_service.app.server.is_ready()

    @bentoml.api(route=ROUTE, batchable=True, max_batch_size=MAX_BATCH_ROWS, max_latency_ms=MAX_LATENCY_MS)
    async def predict(self, rows: Rows) -> list[dict[str, Any]]:
        """Predict rows of columns in the order of the signature; BentoML merges concurrent requests.

        Returns one {"prediction", "probability"} a row, as `/predict` does.
        """
        return await self._answer(None, rows)

    @bentoml.api(route=NAMED_ROUTE)
    async def predict_named(self, model: str, rows: np.ndarray) -> list[dict[str, Any]]:
        """Predict rows with one of several models; the model's own queue merges concurrent requests.

        What BentoML merges has one argument, so this is not. Returns what `predict` returns.
        """
        return await self._answer(model, rows)

    async def _answer(self, name: str | None, rows: Array) -> list[dict[str, Any]]:
        """Return the answers of a model, or of that of `/predict` where none is named."""
        server = self.bento_service.app.server
        try:
            model = await server.present(name)
            outcome = await server.inference.infer(model, tensors_of(rows, model.signature))
            answer = msgspec.json.decode(encode_rows(outcome.outputs))
        except TrivetError as error:
            raise Refused(error) from error
        if "probabilities" not in answer:
            return [{"prediction": prediction} for prediction in answer["predictions"]]
        both = zip(answer["predictions"], answer["probabilities"], strict=True)
        return [{"prediction": prediction, "probability": probability} for prediction, probability in both]
