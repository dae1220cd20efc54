"""X-Request-Id, and the headers of every answer."""

from services.conformance.check import check
from services.conformance.expect import expect, ok
from services.conformance.target import Target

SOURCE = "Trivet contract, Rules"
HEALTH = "/health"


@check(SOURCE, "trivet")
def a_request_id_is_echoed(target: Target) -> None:
    """X-Request-Id comes back as it was sent, with every status."""
    for method, path in (
        ("GET", HEALTH),
        ("GET", "/v2"),
        ("GET", "/nothing"),
        ("PUT", "/predict"),
        ("POST", "/predict"),
    ):
        for sent in ("a/b:c-d_e.f=7", "0" * 128):
            reply = target.http.send(method, path, headers={"x-request-id": sent})
            expect(reply.headers.get("x-request-id") == sent, f"X-Request-Id: {sent}", reply)


@check(SOURCE, "trivet")
def a_request_id_is_made(target: Target) -> None:
    """Where none was sent, each answer has an id of its own."""
    ids = {ok(target.get(HEALTH)).headers.get("x-request-id") for _ in range(3)}
    expect(len(ids) == 3 and None not in ids, "three different X-Request-Id", target.http.last)


@check(SOURCE, "trivet")
def a_request_id_that_fits_no_log_is_replaced(target: Target) -> None:
    """An id that is very long or holds spaces is replaced."""
    for sent in ("two words", "x" * 129):
        reply = ok(target.http.send("GET", HEALTH, headers={"x-request-id": sent}))
        expect(reply.headers.get("x-request-id") not in (None, "", sent), "another X-Request-Id", reply)


@check(SOURCE, "trivet")
def a_length_comes_with_every_answer(target: Target) -> None:
    """Content-Length is the length of the body."""
    for reply in (target.get(HEALTH), target.get("/nothing"), target.infer()):
        expect(reply.headers.get("content-length") == str(len(reply.body)), f"Content-Length: {len(reply.body)}", reply)


@check("RFC 9110, 10.2.4", "trivet")
def no_software_is_named(target: Target) -> None:
    """No header names the server's software: it would differ from engine to engine."""
    reply = ok(target.get(HEALTH))
    expect("server" not in reply.headers, "no header Server", reply)
