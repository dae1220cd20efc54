"""Deadlines: how long a client wants to wait."""

from services.conformance.check import check
from services.conformance.expect import contract_answer, contract_error
from services.conformance.http import Reply
from services.conformance.target import Target

SOURCE = "Trivet contract, Rules: deadline"


@check(SOURCE, "trivet")
def a_deadline_that_can_be_met_is_met(target: Target) -> None:
    """A `Request-Timeout` of some seconds, or a `parameters.timeout` of as many microseconds, changes nothing."""
    contract_answer(_with_header(target, "20"))
    contract_answer(target.infer(parameters={"timeout": 20_000_000}))


@check(SOURCE, "trivet")
def a_deadline_that_cannot_be_met_is_refused(target: Target) -> None:
    """A deadline that nothing could meet answers 429 with Retry-After at once, or 504 when it passed in the queue."""
    contract_error(_with_header(target, "0.000000001"), 429, 504)
    contract_error(target.infer(parameters={"timeout": 1}), 429, 504)


@check(SOURCE, "trivet")
def the_shorter_deadline_counts(target: Target) -> None:
    """Of two deadlines the shorter one counts."""
    body = target.body(parameters={"timeout": 20_000_000})
    contract_error(target.post(f"{target.path}/infer", body, request_timeout="0.000000001"), 429, 504)


@check(SOURCE, "trivet")
def a_deadline_that_is_no_time_answers_400(target: Target) -> None:
    """A `Request-Timeout` that is no number above 0 answers 400."""
    for value in ("0", "-1", "soon", "nan", "inf", "1e400"):
        contract_error(_with_header(target, value), 400)


def _with_header(target: Target, value: str) -> Reply:
    return target.post(f"{target.path}/infer", target.body(), request_timeout=value)
