"""A suite that cannot fail proves nothing: for every check there is a fault that it finds."""

import pytest

from services.client.inputs import Inputs
from services.conformance.check import Check
from services.conformance.http import Http
from services.conformance.suite import Result, checks, run_one
from services.conformance.target import Target
from tests.service.conformance.conftest import MODELS
from tests.service.conformance.faults import FAULTS
from tests.unit.bench.scripted_server import answer, serving

CHECKS = {check.id: check for check in checks("trivet")}
# These look at what named columns do not have.
OF_A_MATRIX = {"infer_binary.a_raw_body_is_one_tensor", "infer_binary.a_raw_body_of_no_whole_row"}
# The application never sees what is not HTTP, so its fault needs a server of its own.
BELOW_HTTP = "errors.bytes_that_are_not_http_answer_400"


def test_a_right_server_passes(right):
    results = [run_one(check, right[model]) for check in CHECKS.values() for model in MODELS]

    assert [result for result in results if result.outcome == "failed"] == []
    assert {result.id for result in results if result.outcome == "passed"} == CHECKS.keys()


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found_by_the_checks_for_it(wrong, fault):
    def look(check: str) -> Result:
        return run_one(CHECKS[check], wrong("matrix" if check in OF_A_MATRIX else "columns", fault))

    results = [look(check) for check in dict.fromkeys(FAULTS[fault].found_by)]

    assert results
    assert [result.id for result in results if result.outcome != "failed" or not result.expected] == []


def test_there_is_a_fault_for_every_check():
    assert {check for fault in FAULTS.values() for check in fault.found_by} | {BELOW_HTTP} == CHECKS.keys()


def test_a_server_that_answers_what_is_not_http_is_found():
    with serving(lambda request: answer(b"{}", headers="Connection: close\r\n") if request else b"") as port:
        result = _alone(CHECKS[BELOW_HTTP], port)

    assert result.outcome == "failed"
    assert result.exchange.status == 200


@pytest.mark.parametrize("name", ["health.live_answers_200", "connections.pipelined_requests_are_answered_in_order"])
def test_a_server_that_hangs_up_fails(name):
    with serving(lambda request: b"") as port:
        result = _alone(CHECKS[name], port)

    assert result.outcome == "failed"


def test_a_failure_shows_the_exchange(wrong):
    result = run_one(CHECKS["health.live_answers_200"], wrong("columns", "not live"))

    assert result.exchange.request == "GET /v2/health/live"
    assert result.exchange.status == 503
    assert result.exchange.body == '{"live": false}'
    assert result.expected == "status 200"


def _alone(check: Check, port: int):
    http = Http(f"http://127.0.0.1:{port}", timeout_seconds=0.5)
    try:
        return run_one(check, Target(http, "m", Inputs((), False)))
    finally:
        http.close()
