"""`POST /feedback`: ground truth for the prediction log."""

from typing import Any

from services.conformance.check import Inapplicable, check
from services.conformance.expect import contract_answer, contract_error
from services.conformance.target import Target

SOURCE = "Trivet contract, HTTP"
UNFIT: tuple[Any, ...] = (
    {},
    {"request_id": "x"},
    {"truth": 1},
    {"request_id": 7, "truth": 1},
    {"request_id": "x", "truth": None},
    [],
)


@check(SOURCE, "trivet")
def feedback_is_accepted(target: Target) -> None:
    """A ground truth for a request that was answered is accepted: 202."""
    _need_log(target)
    request_id = target.infer().headers.get("x-request-id", "")
    contract_answer(target.post("/feedback", {"request_id": request_id, "truth": 1}), 202)


@check("Trivet contract, HTTP statuses", "trivet")
def feedback_that_does_not_fit_is_refused(target: Target) -> None:
    """Feedback without an id or a truth answers 422, and what is no JSON 400."""
    _need_log(target)
    for body in UNFIT:
        contract_error(target.post("/feedback", body), 422)
    contract_error(target.http.send("POST", "/feedback", b"{"), 400)


def _need_log(target: Target) -> None:
    if target.post("/feedback", {}).status == 404:
        raise Inapplicable("the prediction log is off")
