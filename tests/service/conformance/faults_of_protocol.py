"""Faults against the V2 document and its extensions."""

import json
from collections.abc import Callable
from typing import Any

from tests.service.conformance.exchange import Answer, Change, Fault, Request

LENGTH = "inference-header-content-length"


def to(path: str, change: Callable[[Answer], Answer]) -> Change:
    """Return a change of the answers to paths that end so."""
    return lambda request, answer: change(answer) if request.path.endswith(path) else answer


def edit(path: str, change: Callable[[Any], Any]) -> Change:
    """Return a change of the JSON of good answers to paths that end so."""
    return to(path, lambda answer: answer.edited(change) if answer.status == 200 and answer.is_json else answer)


def refuse(when: Callable[[Request], object]) -> Change:
    """Return a change that refuses requests which should be answered."""
    return lambda request, answer: answer.says(400, {"error": "no"}) if when(request) else answer


def accept(*statuses: int, to_path: str = "") -> Change:
    """Return a change that answers what should be refused."""

    def change(request: Request, answer: Answer) -> Answer:
        return answer.says(200, {}) if answer.status in statuses and request.path.endswith(to_path) else answer

    return change


def details(request: Request, answer: Answer) -> Answer:
    """Answer errors in FastAPI's own shape."""
    return answer.says(422, {"detail": [{"msg": "no"}]}) if answer.status >= 400 else answer


def asks(request: Request, field: str) -> bool:
    """Whether a JSON request has a field."""
    try:
        return request.is_inference and field in json.loads(request.body)
    except (ValueError, TypeError):
        return False


def extra_output(request: Request, answer: Answer) -> Answer:
    """Ignore the selection, as far as a client can tell."""
    if not asks(request, "outputs") or answer.status != 200 or not answer.is_json:
        return answer
    return answer.edited(lambda found: found["outputs"].append(found["outputs"][0] | {"name": "extra"}))


def rows_reversed(found: dict[str, Any]) -> None:
    """Give each row of a batch another's answer."""
    for output in found["outputs"]:
        if output["name"] == "prediction":
            output["data"].reverse()


def tail_reversed(request: Request, answer: Answer) -> Answer:
    """Write the bytes of tensors in another order."""
    if LENGTH not in answer.headers:
        return answer
    size = int(answer.headers[LENGTH])
    return answer.holds(answer.body[:size] + answer.body[size:][::-1])


def answer_of_another(request: Request, answer: Answer) -> Answer:
    """Give some clients something that is not their own."""
    if not request.is_unlucky or answer.status != 200 or not answer.is_json:
        return answer
    return answer.edited(_changed_first_value)


def _changed_first_value(found: dict[str, Any]) -> None:
    found["outputs"][0]["data"][0] += 1
    found["id"] = "another"


def errors_among_others(request: Request, answer: Answer) -> Answer:
    """Fail the whole batch for one that is wrong."""
    return answer.says(500, {"error": "the batch failed"}) if request.is_unlucky else answer


def stats(change: Callable[[dict[str, Any]], Any]) -> Change:
    return edit("/stats", lambda found: [change(entry) for entry in found["model_stats"]] and None)


def _has_nested_data(request: Request) -> bool:
    return request.is_inference and b'"data": [[' in request.body


REFUSALS = (
    "malformed_json", "an_empty_body", "a_body_that_is_an_array", "no_inputs", "empty_inputs", "an_unknown_input",
    "a_name_in_other_case", "one_input_too_many", "one_input_too_few", "an_input_without_name",
    "an_input_without_shape", "an_input_without_datatype", "an_input_without_data", "an_unknown_datatype",
    "a_datatype_in_lower_case", "another_datatype", "strings_in_a_numeric_tensor", "a_shape_larger_than_data",
    "a_shape_smaller_than_data", "a_shape_with_another_rank", "a_negative_shape", "a_shape_of_fractions",
    "data_that_is_an_object", "an_unknown_output", "an_id_that_is_no_string", "parameters_that_are_no_object",
    "an_unknown_model", "an_unknown_version", "all_of_these_answer_400", "infinity_is_refused",
    "null_is_refused_unless_missing_is_known",
)  # fmt: skip
BINARY_REFUSALS = (
    "a_length_beyond_the_body", "a_negative_length", "a_length_in_words", "a_size_beyond_the_body",
    "a_size_that_leaves_bytes", "a_negative_size", "a_size_that_is_no_number", "bytes_that_do_not_fill_the_shape",
    "bytes_and_data", "broken_bytes_answer_400", "infinite_bytes_are_refused", "a_raw_body_of_no_whole_row",
)  # fmt: skip
ALL_REFUSALS = (*(f"refusals.{name}" for name in REFUSALS), *(f"infer_binary.{name}" for name in BINARY_REFUSALS))

PROTOCOL = {
    "not live": Fault(
        ("health.live_answers_200",), to("/health/live", lambda answer: answer.says(503, {"live": False}))
    ),
    "never ready": Fault(
        ("health.ready_answers_200", "health.model_ready_answers_200", "health.version_ready_answers_200"),
        to("/ready", lambda answer: answer.says(503, {"ready": False})),
    ),
    "health without bodies": Fault(
        ("health.live_says_so", "health.ready_says_so", "health.model_ready_says_so"),
        lambda request, answer: answer.holds(b"") if request.path.endswith(("/live", "/ready")) else answer,
    ),
    "what is not there is": Fault(
        (
            "health.unknown_model_is_not_ready",
            "metadata.unknown_model_is_an_error",
            "metadata.unknown_version_is_an_error",
            "metadata.names_are_case_sensitive",
            "repository.loading_an_unknown_model_is_an_error",
            "statistics.statistics_of_an_unknown_model_are_an_error",
        ),
        accept(404),
    ),
    "no version of the server": Fault(
        ("metadata.server_has_name_version_extensions",), edit("/v2", lambda found: found.pop("version") and None)
    ),
    "a redirect for the slash": Fault(
        ("metadata.server_answers_with_a_slash",), to("/v2/", lambda answer: answer.says(307, {}))
    ),
    "another model's name": Fault(
        (
            "metadata.model_has_name_and_platform",
            "metadata.a_version_describes_itself",
            "infer_json.a_right_request_answers_200",
        ),
        lambda request, answer: answer.holds(answer.body.replace(b'name":"columns"', b'name":"other"')),
    ),
    "no platform": Fault(
        ("metadata.platform_is_project_and_format",), edit("/columns", lambda found: {**found, "platform": ""})
    ),
    "no inputs": Fault(("metadata.inputs_are_described",), edit("/columns", lambda found: {**found, "inputs": []})),
    "no outputs": Fault(
        ("metadata.outputs_are_described",), edit("/columns", lambda found: {**found, "outputs": None})
    ),
    "versions as numbers": Fault(
        ("metadata.versions_are_strings",), edit("/columns", lambda found: {**found, "versions": [1]})
    ),
    "nested properties": Fault(
        ("metadata.properties_are_strings",), edit("/columns", lambda found: {**found, "properties": {"a": {}}})
    ),
    "no versioned paths": Fault(
        ("infer_json.a_version_answers", "metadata.a_version_describes_itself"),
        refuse(lambda request: "/versions/" in request.path),
    ),
    "data cut short": Fault(
        ("infer_json.outputs_fill_their_shapes",), edit("/infer", lambda found: found["outputs"][0]["data"].clear())
    ),
    "an output by another name": Fault(
        ("infer_json.outputs_are_those_of_the_metadata",),
        edit("/infer", lambda found: found["outputs"][0].update(name="x")),
    ),
    "ids are lost": Fault(
        ("infer_json.an_id_comes_back", "infer_json.an_id_may_be_any_text", "infer_json.even_an_empty_id_comes_back"),
        edit("/infer", lambda found: found.pop("id", None) and None),
    ),
    "null for no version": Fault(
        ("infer_json.optional_fields_are_strings_or_absent",),
        edit("/infer", lambda found: found.update(model_version=None)),
    ),
    "nested data is refused": Fault(
        ("infer_json.flat_and_nested_data_are_one", "infer_json.data_comes_back_flat"), refuse(_has_nested_data)
    ),
    "selection is ignored": Fault(
        (
            "infer_json.outputs_select",
            "infer_json.a_single_output_can_be_named",
            "concurrency.each_client_gets_its_own_outputs",
        ),
        extra_output,
    ),
    "rows in another order": Fault(("infer_json.a_batch_has_a_row_for_each",), edit("/infer", rows_reversed)),
    "a content type is demanded": Fault(
        ("infer_json.a_body_without_content_type_is_json", "infer_binary.bytes_need_no_content_type"),
        refuse(lambda request: request.is_inference and "content-type" not in request.headers),
    ),
    "parameters are refused": Fault(
        ("infer_json.parameters_of_every_kind_are_taken",), refuse(lambda request: b"x_note" in request.body)
    ),
    "broken requests are accepted": Fault(ALL_REFUSALS, accept(400, 404)),
    "errors in another shape": Fault(ALL_REFUSALS, details),
    "the server fails": Fault(
        ALL_REFUSALS, lambda request, answer: answer.says(500, {"error": "no"}) if answer.status >= 400 else answer
    ),
    "bytes are refused": Fault(
        (
            "infer_binary.bytes_get_the_answer_of_json",
            "infer_binary.a_batch_of_bytes_is_a_batch",
            "infer_binary.bytes_and_json_mix",
            "infer_binary.a_raw_body_is_one_tensor",
            "infer_binary.strings_have_their_length_before_them",
            "infer_binary.nan_means_missing",
        ),
        refuse(lambda request: LENGTH in request.headers),
    ),
    "no length before bytes": Fault(
        ("infer_binary.all_outputs_are_bytes_when_asked", "infer_binary.one_output_is_bytes_when_asked"),
        lambda request, answer: answer.without(LENGTH),
    ),
    "bytes in another order": Fault(
        ("infer_binary.all_outputs_are_bytes_when_asked", "infer_binary.a_raw_body_is_one_tensor"), tail_reversed
    ),
    "flags of outputs are refused": Fault(
        ("infer_binary.the_flag_of_an_output_wins",), refuse(lambda request: b'"binary_data": false' in request.body)
    ),
    "an empty index": Fault(
        ("repository.index_lists_the_model", "repository.index_lists_what_is_ready"),
        to("/index", lambda answer: answer.says(200, [])),
    ),
    "an index needs a body": Fault(
        ("repository.index_takes_an_empty_body",),
        refuse(lambda request: request.path.endswith("/index") and not request.body),
    ),
    "no nanoseconds": Fault(
        ("statistics.statistics_have_every_duration",), stats(lambda entry: entry["inference_stats"]["queue"].pop("ns"))
    ),
    "nothing is counted": Fault(
        ("statistics.statistics_count_inferences",), stats(lambda entry: entry.update(inference_count=1))
    ),
    "no statistics of all": Fault(
        ("statistics.statistics_are_at_all_three_paths",), refuse(lambda request: request.path == "/v2/models/stats")
    ),
    "chunks are refused": Fault(
        ("connections.a_chunked_body_is_read",),
        refuse(lambda request: request.headers.get("transfer-encoding") == "chunked"),
    ),
    "answers change places": Fault(
        ("connections.pipelined_requests_are_answered_in_order",),
        lambda request, answer: answer.holds(answer.body.replace(b"pipelined-one", b"pipelined-two")),
    ),
    "nobody is told to go on": Fault(
        ("connections.a_client_that_waits_for_100_gets_it",),
        first=lambda request: Answer(417, {"content-length": "0"}) if "expect" in request.headers else None,
    ),
    "rows of another client": Fault(
        ("concurrency.each_client_gets_its_own_rows", "concurrency.each_client_gets_as_many_rows_as_it_sent"),
        answer_of_another,
    ),
    "one wrong request fails others": Fault(("concurrency.a_bad_request_fails_alone",), errors_among_others),
}
