"""Health, as probes and clients ask for it."""

from services.conformance.check import check
from services.conformance.expect import contract_answer, expect, ok
from services.conformance.target import Target

LIVE, READY = "/v2/health/live", "/v2/health/ready"


@check("V2, Server Live")
def live_answers_200(target: Target) -> None:
    """`GET /v2/health/live` answers 200."""
    ok(target.get(LIVE))


@check("V2, Server Live Response JSON Object")
def live_says_so(target: Target) -> None:
    """The body of `/v2/health/live` says `live`: true."""
    reply = ok(target.get(LIVE))
    expect(reply.object().get("live") is True, '{"live": true}', reply)


@check("V2, Server Ready")
def ready_answers_200(target: Target) -> None:
    """`GET /v2/health/ready` answers 200."""
    ok(target.get(READY))


@check("V2, Server Ready Response JSON Object")
def ready_says_so(target: Target) -> None:
    """The body of `/v2/health/ready` says true, as `live` (so the document, by mistake) or as `ready`."""
    reply = ok(target.get(READY))
    said = [reply.object().get(name) for name in ("live", "ready") if name in reply.object()]
    expect(said and all(value is True for value in said), '{"ready": true} or {"live": true}', reply)


@check("V2, Model Ready")
def model_ready_answers_200(target: Target) -> None:
    """`GET /v2/models/{m}/ready` answers 200."""
    ok(target.get(f"{target.path}/ready"))


@check("V2, Model Ready Response JSON Object")
def model_ready_says_so(target: Target) -> None:
    """The body of `/v2/models/{m}/ready` holds the model's `name`, and `ready`: true."""
    reply = ok(target.get(f"{target.path}/ready"))
    body = reply.object()
    expect(body.get("name") == target.model and body.get("ready") is True, '{"name": "…", "ready": true}', reply)


@check("V2, Model Ready")
def version_ready_answers_200(target: Target) -> None:
    """`GET /v2/models/{m}/versions/{v}/ready` answers 200 for a version that the metadata lists."""
    ok(target.get(f"{target.path}/versions/{target.need_version()}/ready"))


@check("V2, Model Ready")
def unknown_model_is_not_ready(target: Target) -> None:
    """A model that is not there is not ready: an error status."""
    reply = target.get("/v2/models/no-such-model/ready")
    expect(reply.status >= 400, "an error status", reply)


@check("Trivet contract, HTTP", "trivet")
def health_says_healthy(target: Target) -> None:
    """`GET /health` answers 200 and `{"status":"healthy"}`, nothing else."""
    reply = target.get("/health")
    expect(contract_answer(reply) == {"status": "healthy"}, '{"status":"healthy"}', reply)


@check("Trivet contract, HTTP", "trivet")
def v2_health_says_all_that_clients_read(target: Target) -> None:
    """`/v2/health/live` is `{"live":true}`, and `/v2/health/ready` is `{"ready":true,"live":true}`."""
    for path, wanted in ((LIVE, {"live": True}), (READY, {"ready": True, "live": True})):
        reply = target.get(path)
        expect(contract_answer(reply) == wanted, str(wanted), reply)


@check("RFC 9110, 9.3.2", "trivet")
def health_answers_head(target: Target) -> None:
    """HEAD of the health routes answers as GET does, without a body."""
    for path in ("/health", LIVE, READY):
        reply = ok(target.http.send("HEAD", path))
        expect(reply.body == b"", "no body", reply)
