"""The pages for people: Swagger UI and the OpenAPI document."""

import re

from services.conformance.check import check
from services.conformance.expect import contract_answer, expect, ok
from services.conformance.target import Target

SOURCE = "Trivet contract, HTTP"
ASSET = re.compile(r'(?:src|href)="([^"]+)"')
PATHS = (
    "/health",
    "/predict",
    "/predict/batch",
    "/v2",
    "/v2/",
    "/v2/models/{model}",
    "/v2/models/{model}/infer",
    "/v2/models/{model}/ready",
    "/v2/models/{model}/rollback",
    "/v2/models/{model}/stats",
    "/v2/repository/index",
    "/v2/repository/models/{model}/load",
    "/v2/repository/models/{model}/unload",
    "/feedback",
    "/metrics",
)


@check(SOURCE, "trivet")
def the_page_needs_no_other_host(target: Target) -> None:
    """`/docs` is a page that names no other host, and all that it loads comes from the server itself."""
    reply = ok(target.get("/docs"))
    page = reply.body.decode()
    expect(reply.headers.get("content-type", "").startswith("text/html"), "Content-Type: text/html", reply)
    assets = ASSET.findall(page)
    expect(assets and "//" not in page, "assets of this server only", reply)
    for asset in assets:
        expect(ok(target.get(f"/{asset.lstrip('/')}")).body, "an asset with content", target.http.last)


@check(SOURCE, "trivet")
def the_document_lists_every_route(target: Target) -> None:
    """`/openapi.json` lists the routes of the contract."""
    reply = target.get("/openapi.json")
    lacking = set(PATHS) - contract_answer(reply).get("paths", {}).keys()
    expect(not lacking, f"the paths {sorted(lacking)}", reply)


@check(SOURCE, "trivet")
def examples_run(target: Target) -> None:
    """The examples of the document run."""
    paths = contract_answer(target.get("/openapi.json"))["paths"]
    version = target.metadata["versions"][0]
    for template, operations in paths.items():
        if "post" not in operations or template.startswith("/v2/repository/models/") or template.endswith("/rollback"):
            continue  # what only an administrator may
        path = template.replace("{model}", target.model).replace("{version}", version)
        example = operations["post"]["requestBody"]["content"]["application/json"]["example"]
        reply = target.post(path, example)
        expect(reply.status in (200, 202) or (path == "/feedback" and reply.status == 404), "status 200", reply)
