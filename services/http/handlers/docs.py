"""Swagger UI from the server's own assets: it works where nothing else can be reached."""

from functools import cache
from importlib.resources import files

import msgspec

from services.core.errors import NotFound
from services.http.answer import Answer, json_answer
from services.http.exchange import Exchange

# The page's own assets, from the package fastapi-offline, which exists to ship them.
ASSETS = {
    "swagger-ui-bundle.js": b"text/javascript; charset=utf-8",
    "swagger-ui.css": b"text/css; charset=utf-8",
    "favicon.png": b"image/png",
}
HTML = (b"content-type", b"text/html; charset=utf-8")
PAGE = b"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Trivet</title>
<link rel="stylesheet" href="docs/swagger-ui.css">
<link rel="icon" href="docs/favicon.png">
</head>
<body>
<div id="docs"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script>
SwaggerUIBundle({
  url: "openapi.json", dom_id: "#docs", deepLinking: true, validatorUrl: null, persistAuthorization: true,
  defaultModelsExpandDepth: 0,
})
</script>
</body>
</html>
"""


async def page(exchange: Exchange) -> Answer:  # noqa: ARG001 - the page is the same for everybody
    """Answer `GET /docs`."""
    return Answer(200, PAGE, (HTML,))


async def asset(exchange: Exchange) -> Answer:
    """Answer `GET /docs/{asset}`."""
    name = exchange.params["asset"]
    if name not in ASSETS:
        raise NotFound(f"there is no {exchange.path}; GET /docs is the page")
    return Answer(200, _read(name), ((b"content-type", ASSETS[name]), (b"cache-control", b"max-age=86400")))


async def openapi(exchange: Exchange) -> Answer:
    """Answer `GET /openapi.json`."""
    from services.http.openapi import document  # it reads the URL map, which holds this handler

    return json_answer(200, msgspec.json.encode(document(exchange.server)))


@cache
def _read(name: str) -> bytes:
    return (files("fastapi_offline") / "static" / name).read_bytes()
