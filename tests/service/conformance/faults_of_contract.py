"""Faults against Trivet's own contract."""

import re
from collections.abc import Callable

from tests.service.conformance.exchange import Answer, Change, Fault, Request
from tests.service.conformance.faults_of_protocol import accept, asks, details, edit, refuse, stats, to


def header(name: str, value: str | None) -> Change:
    """Return a change of one header of every answer; None takes it away."""
    return lambda request, answer: (
        answer.without(name) if value is None else Answer(answer.status, answer.headers | {name: value}, answer.body)
    )


def status(found: int, instead: int) -> Change:
    """Return a change of one status into another."""

    def change(request: Request, answer: Answer) -> Answer:
        answer.status = instead if answer.status == found else answer.status
        return answer

    return change


def text(change: Callable[[bytes], bytes], path: str) -> Change:
    """Return a change of a page's bytes."""
    return to(path, lambda answer: answer.holds(change(answer.body)))


def samples(pattern: bytes, instead: bytes) -> Change:
    """Return a change of `/metrics`."""
    return text(lambda page: re.sub(pattern, instead, page, flags=re.MULTILINE), "/metrics")


def ids_of_its_own(request: Request, answer: Answer) -> Answer:
    """Invent an id where none was sent."""
    return (
        answer.edited(lambda found: found.update(id="7")) if request.is_inference and answer.status == 200 else answer
    )


def long_decimals(found: dict) -> None:
    """Print float32 as if they were float64."""
    for output in found["outputs"]:
        output["data"] = [value + 1e-9 for value in output["data"]]


def in_the_usual_order(request: Request, answer: Answer) -> Answer:
    """Heed the selection, but not its order."""
    if not request.is_inference or answer.status != 200:
        return answer
    return answer.edited(lambda found: found["outputs"].sort(key=lambda output: output["name"]))


def id_as_sent(request: Request, answer: Answer) -> Answer:
    """Echo whatever comes."""
    sent = request.headers.get("x-request-id")
    return answer if sent is None else header("x-request-id", sent)(request, answer)


def busy(request: Request, answer: Answer) -> Answer:
    """Refuse at random, and do not say when to come back."""
    return answer.says(503, {"error": "busy"}) if request.is_unlucky else answer


def columns_in_order(request: Request, answer: Answer) -> Answer:
    """Take columns by their place."""
    if request.path == "/predict" and b'"features": {"size"' in request.body:
        return answer.says(422, {"error": "no"})
    return answer


def first_column_of_integers(request: Request) -> bool:
    """Whether a float is given as an integer."""
    return request.path == "/predict" and b'"size": 1}' in request.body


def infinite(request: Request, answer: Answer) -> Answer:
    """Let a number that is too large become infinite."""
    return answer.holds(b'{"prediction":Infinity,"probability":[0,1]}') if b"e+39" in request.body else answer


def values(shift: float) -> Callable[[dict], None]:
    """Return a change of the predictions of `/predict*`."""

    def change(found: dict) -> None:
        if "predictions" in found:
            found["predictions"][-1] += shift
        elif "prediction" in found:
            found["prediction"] += shift

    return change


WRONG_SHAPES = (
    "predict.columns_that_do_not_fit_answer_422", "predict.rows_that_do_not_fit_answer_422",
    "predict.batches_that_do_not_fit_answer_422", "predict.null_is_a_missing_value",
    "predict.integers_are_floats_and_floats_no_integers", "feedback.feedback_that_does_not_fit_is_refused",
)  # fmt: skip
MALFORMED = (
    "predict.malformed_json_answers_400",
    "predict.no_body_makes_it_fail",
    "feedback.feedback_that_does_not_fit_is_refused",
)
EVERY_ERROR = (
    *WRONG_SHAPES, *MALFORMED, "errors.a_wrong_method_answers_405", "errors.an_unknown_path_answers_404",
    "errors.another_content_type_answers_415", "errors.a_compressed_body_answers_415",
    "deadlines.a_deadline_that_cannot_be_met_is_refused", "deadlines.the_shorter_deadline_counts",
    "deadlines.a_deadline_that_is_no_time_answers_400", "connections.a_length_over_the_limit_answers_413",
    "repository.administration_needs_its_key", "repository.index_refuses_another_body",
    "metadata.unknown_models_and_versions_answer_404",
)  # fmt: skip

CONTRACT = {
    "another word for healthy": Fault(("health.health_says_healthy",), edit("/health", lambda found: {"status": "ok"})),
    "less in health": Fault(
        ("health.v2_health_says_all_that_clients_read",), edit("/ready", lambda found: {"live": True})
    ),
    "no HEAD": Fault(
        ("health.health_answers_head",),
        lambda request, answer: answer.says(405, {}) if request.method == "HEAD" else answer,
    ),
    "what is not there answers 400": Fault(
        ("metadata.unknown_models_and_versions_answer_404", "errors.an_unknown_path_answers_404"), status(404, 400)
    ),
    "null in metadata": Fault(
        ("metadata.metadata_holds_no_null",), edit("/columns", lambda found: found.update(parameters=None))
    ),
    "no digest": Fault(
        ("metadata.the_digest_is_a_property",),
        edit("/columns", lambda found: found["properties"].pop("model_digest") and None),
    ),
    "a class too few": Fault(
        ("metadata.classes_are_a_property",),
        edit("/columns", lambda found: found["properties"].update(classes='["no"]')),
    ),
    "invented ids": Fault(("infer_json.an_id_is_absent_when_not_sent",), ids_of_its_own),
    "no parameters in answers": Fault(
        ("infer_json.an_answer_says_what_answered",), edit("/infer", lambda found: found.pop("parameters") and None)
    ),
    "the usual order": Fault(("infer_json.outputs_come_in_the_order_asked",), in_the_usual_order),
    "unknown fields are refused": Fault(
        ("infer_json.unknown_fields_are_ignored",), refuse(lambda request: asks(request, "extra"))
    ),
    "long decimals": Fault(("infer_json.numbers_are_the_shortest_decimals",), edit("/infer", long_decimals)),
    "no error says it in one shape": Fault((*EVERY_ERROR, "metadata.unknown_models_and_versions_answer_404"), details),
    "errors say more": Fault(
        EVERY_ERROR,
        lambda request, answer: answer.edited(lambda found: found.update(code=7)) if answer.status >= 400 else answer,
    ),
    "the index takes anything": Fault(("repository.index_refuses_another_body",), accept(400)),
    "anybody administers": Fault(("repository.administration_needs_its_key",), accept(401, 403, 404)),
    "what does not fit is accepted": Fault(WRONG_SHAPES, accept(422)),
    "what is malformed is accepted": Fault(MALFORMED, accept(400)),
    "what is malformed breaks the server": Fault(MALFORMED, status(400, 500)),
    "predictions of others": Fault(("predict.one_row_gets_what_v2_gives",), edit("/predict", values(1.0))),
    "a wrong last row": Fault(("predict.a_batch_answers_every_row_in_order",), edit("/predict/batch", values(1.0))),
    "more fields": Fault(
        ("predict.one_row_gets_what_v2_gives",), edit("/predict", lambda found: found.update(model="columns"))
    ),
    "no headers of the model": Fault(("predict.answers_name_the_model_in_headers",), header("model-digest", None)),
    "JSON must be declared": Fault(
        ("predict.json_may_go_undeclared",),
        refuse(lambda request: request.headers.get("content-type") != "application/json"),
    ),
    "columns by their place": Fault(("predict.columns_come_in_any_order",), columns_in_order),
    "null for missing": Fault(("predict.null_is_a_missing_value",), refuse(lambda request: b"null" in request.body)),
    "integers are no floats": Fault(
        ("predict.integers_are_floats_and_floats_no_integers",), refuse(first_column_of_integers)
    ),
    "overflow": Fault(("predict.overflow_is_no_infinity",), infinite),
    "no request ids": Fault(
        (
            "headers.a_request_id_is_echoed",
            "headers.a_request_id_is_made",
            "headers.a_request_id_that_fits_no_log_is_replaced",
        ),
        header("x-request-id", None),
    ),
    "the same request id": Fault(
        ("headers.a_request_id_is_echoed", "headers.a_request_id_is_made"), header("x-request-id", "1")
    ),
    "any request id": Fault(("headers.a_request_id_that_fits_no_log_is_replaced",), id_as_sent),
    "no length": Fault(("headers.a_length_comes_with_every_answer",), header("content-length", None)),
    "names its software": Fault(("headers.no_software_is_named",), header("server", "Uvicorn")),
    "no Allow": Fault(("errors.a_wrong_method_answers_405",), header("allow", None)),
    "redirects": Fault(("errors.an_unknown_path_answers_404",), status(404, 307)),
    "any content is read": Fault(
        ("errors.another_content_type_answers_415", "errors.a_compressed_body_answers_415"), accept(415)
    ),
    "deadlines are refused": Fault(
        ("deadlines.a_deadline_that_can_be_met_is_met",),
        refuse(lambda request: request.headers.get("request-timeout") == "20"),
    ),
    "deadlines are ignored": Fault(
        ("deadlines.a_deadline_that_cannot_be_met_is_refused", "deadlines.the_shorter_deadline_counts"), accept(429)
    ),
    "no time to come back": Fault(("deadlines.a_deadline_that_cannot_be_met_is_refused",), header("retry-after", None)),
    "any time is a time": Fault(("deadlines.a_deadline_that_is_no_time_answers_400",), accept(400)),
    "a limit without a name": Fault(
        ("connections.a_length_over_the_limit_answers_413",),
        lambda request, answer: answer.says(413, {"error": "too large"}),
    ),
    "busy": Fault(("concurrency.a_burst_is_answered_or_refused_honestly",), busy),
    "a metric is missing": Fault(
        ("metrics.every_metric_is_there_with_its_labels",), samples(rb"^inference_queue_rows.*\n", b"")
    ),
    "a label too many": Fault(
        ("metrics.every_metric_is_there_with_its_labels",),
        samples(rb"^inference_queue_rows\{", b'inference_queue_rows{pod="1",'),
    ),
    "metrics of another prefix": Fault(
        ("metrics.names_have_the_prefix_and_no_colon",), samples(rb"^inference_queue_rows\{", b"trivet:queue_rows{")
    ),
    "requests are not counted": Fault(
        ("metrics.requests_are_counted_by_route_and_code",), samples(rb"^(inference_requests_total.*) \S+$", rb"\1 1.0")
    ),
    "made-up names are labels": Fault(
        ("metrics.what_clients_make_up_is_no_label",), samples(b'model="unknown"', b'model="made-up-name"')
    ),
    "no model is ready": Fault(
        ("metrics.the_served_version_is_ready",), samples(rb"^(inference_model_ready.*) \S+$", rb"\1 0.0")
    ),
    "metrics of no known form": Fault(
        tuple(
            f"metrics.{name}"
            for name in (
                "every_metric_is_there_with_its_labels",
                "names_have_the_prefix_and_no_colon",
                "requests_are_counted_by_route_and_code",
                "what_clients_make_up_is_no_label",
                "the_served_version_is_ready",
            )
        ),
        lambda request, answer: answer.says(200, {}) if request.path == "/metrics" else answer,
    ),
    "assets of a CDN": Fault(
        ("docs.the_page_needs_no_other_host",),
        text(lambda page: page.replace(b'"docs/', b'"https://cdn.example/'), "/docs"),
    ),
    "an undocumented route": Fault(
        ("docs.the_document_lists_every_route",),
        edit("/openapi.json", lambda found: found["paths"].pop("/metrics") and None),
    ),
    "examples that do not run": Fault(
        ("docs.examples_run",),
        text(lambda page: page.replace(b'"example":{"features"', b'"example":{"feature"'), "/openapi.json"),
    ),
    "feedback answers 200": Fault(("feedback.feedback_is_accepted",), status(202, 200)),
    "all statistics are empty": Fault(
        ("statistics.statistics_have_every_duration",), stats(lambda entry: entry.clear())
    ),
}
