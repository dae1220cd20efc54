"""HTTP/1.1 itself, and bodies of any length."""

import json
import re

from services.conformance import wire
from services.conformance.check import Failed, check
from services.conformance.expect import contract_error, expect
from services.conformance.target import Target

TOO_LONG_BYTES = 10**15


@check("RFC 9112, 7.1")
def a_chunked_body_is_read(target: Target) -> None:
    """A body in chunks is read as a whole."""
    content = json.dumps(target.body()).encode()
    reply = target.http.send(
        "POST", f"{target.path}/infer", iter([content[:5], content[5:]]), {"content-type": "application/json"}
    )
    target.expect_same(reply, target.outputs(), "the usual answer")


@check("RFC 9112, 9.3.2")
def pipelined_requests_are_answered_in_order(target: Target) -> None:
    """Requests that come at once on one connection are answered one after the other, in their order."""
    path, headers = f"{target.path}/infer", ("content-type: application/json",)
    bodies = [json.dumps(target.body(id=f"pipelined-{name}")).encode() for name in ("one", "two", "three")]
    requests = [wire.request(target.http, "POST", path, body, *headers) for body in bodies[:2]]
    requests.append(wire.request(target.http, "POST", path, bodies[2], *headers, "connection: close"))
    received = wire.exchange(target.http, b"".join(requests))
    found = re.findall(rb'"id":\s*"pipelined-(\w+)"', received)
    if found != [b"one", b"two", b"three"]:
        raise Failed("the answers to one, two and three", wire.answer(requests[0], received))


@check("RFC 9110, 10.1.1")
def a_client_that_waits_for_100_gets_it(target: Target) -> None:
    """A client that sends `Expect: 100-continue` is told to go on, or gets its final answer."""
    body = json.dumps(target.body()).encode()
    request = wire.request(
        target.http, "POST", f"{target.path}/infer", body, "content-type: application/json", "expect: 100-continue"
    )
    head = request[: len(request) - len(body)]
    reply = wire.answer(head, wire.exchange(target.http, head, ends=b"\r\n\r\n"))
    expect(reply.status in (100, 200), "status 100", reply)


@check("Trivet contract, HTTP statuses", "trivet")
def a_length_over_the_limit_answers_413(target: Target) -> None:
    """A Content-Length over the limit answers 413 before the body is sent, and names the limit."""
    for path in ("/predict", f"{target.path}/infer"):
        head = wire.request(target.http, "POST", path, b"", "connection: close", length=TOO_LONG_BYTES)
        reply = wire.answer(head, wire.exchange(target.http, head, ends=b"}"))  # a proxy may wait for the body
        expect(
            "TRIVET_MAX_BODY_BYTES" in contract_error(reply, 413), "an error that names TRIVET_MAX_BODY_BYTES", reply
        )
