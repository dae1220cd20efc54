"""The Open Inference Protocol's request in JSON: what is read, and what breaks the protocol."""

import json
from typing import Any

import pytest

from services.core.contract import decode_infer
from services.core.errors import MalformedRequest, UnfitInput
from tests.unit.parts import columns, matrix

TENSOR = {"name": "features", "shape": [2, 3], "datatype": "FP64", "data": [1, 2, 3, 4, 5, 6]}
ROWS = [[1, 2, 3], [4, 5, 6]]


def message(*tensors: dict[str, Any], **fields: Any) -> bytes:
    return json.dumps({"inputs": tensors or [TENSOR], **fields}).encode()


def decoded(*tensors: dict[str, Any], **fields: Any) -> Any:
    return decode_infer(message(*tensors, **fields), None, matrix(3))


@pytest.mark.parametrize("data", [TENSOR["data"], ROWS])
def test_flat_and_nested_data_give_the_same_request(data):
    assert decoded({**TENSOR, "data": data}).tensors["features"].tolist() == ROWS


@pytest.mark.parametrize("given", ["42", "", "é😀", " ", "x" * 5000])
def test_an_id_is_kept_and_its_absence_too(given):
    assert decoded(id=given).id == given
    assert decoded().id is None


@pytest.mark.parametrize("given", [42, ["42"]])
def test_an_id_that_is_no_string_is_refused(given):
    with pytest.raises(MalformedRequest, match=r"\$\.id"):
        decoded(id=given)


def test_null_is_as_good_as_absent_where_a_field_is_optional():
    request = decoded({**TENSOR, "parameters": None}, id=None, parameters=None, outputs=None)

    assert request.tensors["features"].tolist() == ROWS
    assert (request.id, request.outputs, request.timeout_seconds) == (None, decoded().outputs, None)


def test_an_id_of_half_a_character_is_refused():
    with pytest.raises(MalformedRequest):
        decode_infer(message(id="X").replace(b'"X"', b'"\\ud800"'), None, matrix(3))


def test_the_timeout_is_in_microseconds():
    assert decoded(parameters={"timeout": 1_500_000}).timeout_seconds == 1.5
    assert decoded().timeout_seconds is None


@pytest.mark.parametrize("timeout", [0, -1, 1.5, "5", True])
def test_a_timeout_that_is_no_whole_number_above_0_is_refused(timeout):
    with pytest.raises(MalformedRequest, match="microseconds above 0"):
        decoded(parameters={"timeout": timeout})


@pytest.mark.parametrize("digits", [18, 19, 20, 400])
def test_a_timeout_of_any_length_is_read(digits):
    body = message(parameters={"timeout": 77}).replace(b"77", b"9" * digits)

    assert decode_infer(body, None, matrix(3)).timeout_seconds > 9e10


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"5",
        b'"x"',
        b"{}",
        b"{",
        b'{"inputs":5}',
        b'{"inputs":null}',
        b'{"inputs":[]}',
        b'{"inputs":[5]}',
        b'{"inputs":[{}]}',
        b'{"inputs":{}}',
        b'{"inputs":[{"name":"features"}]}',
        b"\xff\xfe",
    ],
)
def test_a_body_that_is_no_request_is_malformed(body):
    with pytest.raises(MalformedRequest):
        decode_infer(body, None, matrix(3))


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": 5},
        {"name": None},
        {"shape": None},
        {"shape": 6},
        {"shape": [-1, 3]},
        {"shape": [2.0, 3]},
        {"shape": ["2", 3]},
        {"shape": [True, 3]},
        {"shape": [2, 4]},
        {"shape": [5]},
        {"shape": [1] * 9},
        {"shape": [10**18, 10**18]},
        {"shape": [10**40, 0]},
        {"shape": [], "data": []},
        {"datatype": "FP33"},
        {"datatype": "fp64"},
        {"datatype": None},
        {"data": None},
        {"data": "1"},
        {"data": {}},
        {"data": [1, 2, 3]},
        {"data": [[1, 2, 3]]},
        {"data": [[[1, 2, 3], [4, 5, 6]]]},
        {"data": ["1", 2, 3, 4, 5, 6]},
        {"parameters": {"binary_data_size": 48}},
        {"parameters": {"nested": {}}},
    ],
    ids=str,
)
def test_a_tensor_that_breaks_the_protocol_is_malformed(wrong):
    with pytest.raises(MalformedRequest):
        decoded({**TENSOR, **wrong})


@pytest.mark.parametrize("left_out", ["name", "shape", "datatype", "data"])
def test_a_tensor_without_a_required_field_is_malformed(left_out):
    with pytest.raises(MalformedRequest):
        decoded({key: value for key, value in TENSOR.items() if key != left_out})


def test_an_unknown_input_is_refused_before_anything_runs():
    request = decoded(TENSOR, {**TENSOR, "name": "extra"})

    with pytest.raises(UnfitInput, match="no input 'extra'"):
        matrix(3).check(request.tensors)


def test_what_the_protocol_does_not_name_is_ignored():
    assert decoded({**TENSOR, "comment": [1]}, more={"any": "thing"}).tensors["features"].tolist() == ROWS


def test_several_inputs_are_kept_apart():
    a = {"name": "a", "shape": [1, 1], "datatype": "FP64", "data": [1.5]}
    b = {"name": "b", "shape": [1, 1], "datatype": "BYTES", "data": [["é"]]}

    request = decode_infer(message(a, b), None, columns(b="BYTES", a="FP64"))

    assert request.tensors["a"].tolist() == [[1.5]]
    assert request.tensors["b"].tolist() == [["é"]]
