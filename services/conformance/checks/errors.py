"""One shape for every error, wherever it comes from."""

import gzip

from services.conformance import wire
from services.conformance.check import check
from services.conformance.expect import contract_answer, contract_error, expect
from services.conformance.target import Target

SOURCE = "Trivet contract, HTTP statuses"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
NOT_THERE = (
    "/",
    "/nothing",
    "/predict/",
    "/predict/nothing",
    "/v2/models",
    "/v2/models/",
    "/v2/models//infer",
    "/v2/model/x",
    "/v2/models/%00",
    "/v2/models/%ff/infer",
    "/v1/models/x:predict",
    "/redoc",
    "/docs/nothing",
    "/docs/..%2f..%2fapp.py",
    "/%2e%2e/etc/passwd",
    "/V2/health/live",
    "//health",
)
NOT_JSON = (
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/json; charset=utf-16",
    "application/xml",
    "json",
)
NOT_HTTP = (
    b"hello\r\n\r\n",
    b"SSH-2.0-OpenSSH_9.6\r\n",
    b"GET /health HTTP/1.1\r\nbroken header\r\n\r\n",
    b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: ten\r\n\r\n",
)


@check(SOURCE, "trivet")
def a_wrong_method_answers_405(target: Target) -> None:
    """A wrong method answers 405 and names the right one in Allow."""
    for path, right in _routes(target).items():
        for method in METHODS:
            if method != right:
                reply = target.http.send(method, path)
                contract_error(reply, 405)
                allowed = [name.strip() for name in reply.headers.get("allow", "").split(",")]
                expect(right in allowed, f"Allow: {right}", reply)


@check(SOURCE, "trivet")
def an_unknown_path_answers_404(target: Target) -> None:
    """A path that is not there answers 404 (or 405), without a redirect."""
    for path in (
        *NOT_THERE,
        f"{target.path}/",
        f"{target.path}/infer/",
        f"{target.path}/nothing",
        f"{target.path}/versions/",
    ):
        for method in ("GET", "POST"):
            contract_error(target.http.send(method, path), 404, 405)


@check(SOURCE, "trivet")
def another_content_type_answers_415(target: Target) -> None:
    """A content type that is not served answers 415."""
    for path in (*_inferences(target), "/feedback"):
        for declared in NOT_JSON:
            contract_error(target.http.send("POST", path, b"{}", {"content-type": declared}), 415)


@check(SOURCE, "trivet")
def a_compressed_body_answers_415(target: Target) -> None:
    """A body with Content-Encoding answers 415; `identity` is none."""
    for path in _inferences(target):
        for encoding in ("gzip", "deflate", "br", "GZIP"):
            contract_error(target.http.send("POST", path, gzip.compress(b"{}"), {"content-encoding": encoding}), 415)
    contract_answer(target.post(f"{target.path}/infer", target.body(), content_encoding="identity"))


@check("Trivet contract, Rules", "trivet")
def bytes_that_are_not_http_answer_400(target: Target) -> None:
    """What is not HTTP gets the server's own 400 and a closed connection."""
    for sent in NOT_HTTP:
        reply = wire.answer(sent, wire.exchange(target.http, sent))
        expect(reply.status == 400, "status 400 and a closed connection", reply)


def _inferences(target: Target) -> tuple[str, ...]:
    return ("/predict", "/predict/batch", f"{target.path}/infer")


def _routes(target: Target) -> dict[str, str]:
    gets = ("/health", "/v2/health/live", "/v2/health/ready", "/v2", "/v2/", "/v2/models/stats", "/metrics", "/docs")
    of_model = tuple(f"{target.path}{end}" for end in ("", "/ready", "/stats", "/versions/0"))
    posts = (
        *_inferences(target),
        "/v2/repository/index",
        "/feedback",
        f"{target.path}/rollback",
        *(f"/v2/repository/models/{target.model}/{verb}" for verb in ("load", "unload")),
    )
    return dict.fromkeys((*gets, *of_model, "/openapi.json"), "GET") | dict.fromkeys(posts, "POST")
