"""The URL map, on one screen."""

from typing import NamedTuple

from starlette.routing import Route

from services.http.exchange import Exchange, Handler
from services.http.handlers import docs, feedback, health, infer, metadata, predict, repository
from services.http.types import Receive, Scope, Send

MODEL = "/v2/models/{model}"
VERSION = "/v2/models/{model}/versions/{version}"
INFER, INFER_VERSION = f"{MODEL}/infer", f"{VERSION}/infer"

EXCHANGE = "trivet.exchange"


class Path(NamedTuple):
    """One route; `template` is its name in metrics and logs."""

    method: str
    template: str
    handler: Handler


# Inferences: they are in the prediction log, and a POST to one of them goes past FastAPI's own layers.
HOT = (
    Path("POST", "/predict", predict.predict),
    Path("POST", "/predict/batch", predict.predict_batch),
    Path("POST", INFER, infer.infer),
    Path("POST", INFER_VERSION, infer.infer),
)
OTHERS = (
    Path("GET", "/health", health.health),
    Path("GET", "/v2/health/live", health.live),
    Path("GET", "/v2/health/ready", health.ready),
    Path("GET", "/v2", metadata.server_metadata),
    Path("GET", "/v2/", metadata.server_metadata),
    Path("GET", "/v2/models/stats", metadata.statistics),
    Path("GET", MODEL, metadata.model_metadata),
    Path("GET", VERSION, metadata.model_metadata),
    Path("GET", f"{MODEL}/ready", metadata.model_ready),
    Path("GET", f"{VERSION}/ready", metadata.model_ready),
    Path("GET", f"{MODEL}/stats", metadata.statistics),
    Path("GET", f"{VERSION}/stats", metadata.statistics),
    Path("POST", "/v2/repository/index", repository.index),
    Path("POST", "/v2/repository/models/{model}/load", repository.load),
    Path("POST", "/v2/repository/models/{model}/unload", repository.unload),
    Path("POST", f"{MODEL}/rollback", repository.rollback),
    Path("POST", "/feedback", feedback.feedback),
    Path("GET", "/metrics", health.metrics),
)
DOCS = (
    Path("GET", "/docs", docs.page),
    Path("GET", "/docs/{asset}", docs.asset),
    Path("GET", "/openapi.json", docs.openapi),
)
LOGGED = frozenset(path.template for path in HOT)

_EXACT = {path.template: path for path in HOT[:2]}


class Endpoint:
    """Where FastAPI's router ends: it notes the handler, and the middleware that holds the exchange calls it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange: Exchange = scope[EXCHANGE]
        exchange.route = self._path.template
        exchange.params = scope["path_params"]
        exchange.handler = self._path.handler


def routes() -> list[Route]:
    """Return every route of the contract for FastAPI's router."""
    return [Route(path.template, Endpoint(path), methods=[path.method]) for path in (*HOT, *OTHERS, *DOCS)]


def find_hot(exchange: Exchange) -> Handler | None:
    """Return the handler of an inference without a look at any other route."""
    if exchange.method != "POST":
        return None
    exact = _EXACT.get(exchange.path)
    if exact is not None:
        exchange.route = exact.template
        return exact.handler
    parts = exchange.path.split("/")
    if parts[1:3] != ["v2", "models"] or parts[-1] != "infer" or "" in parts[1:]:
        return None
    if len(parts) == 5:
        exchange.route, exchange.params = INFER, {"model": parts[3]}
    elif len(parts) == 7 and parts[4] == "versions":
        exchange.route, exchange.params = INFER_VERSION, {"model": parts[3], "version": parts[5]}
    else:
        return None
    return infer.infer
