"""The binary tensor extension's request: JSON, then raw tensors whose sizes must add up."""

import json
from typing import Any

import numpy as np
import pytest

from services.core.contract import decode_infer
from services.core.errors import MalformedRequest
from services.core.signature import Signature, TensorSpec
from tests.unit.parts import columns, matrix

ROWS = np.arange(6, dtype="<f8").reshape(2, 3)
RAW = ROWS.tobytes()
BINARY = {"name": "features", "shape": [2, 3], "datatype": "FP64", "parameters": {"binary_data_size": 48}}
PAIR = columns(a="FP64", b="INT64")


def decoded(tensors: list[dict[str, Any]], tail: bytes, signature: Signature | None = None, **fields: Any) -> Any:
    text = json.dumps({"inputs": tensors, **fields}).encode()
    return decode_infer(text + tail, len(text), signature or matrix(3))


def test_a_binary_tensor_is_what_follows_the_json():
    assert np.array_equal(decoded([BINARY], RAW).tensors["features"], ROWS)


@pytest.mark.parametrize("padding", range(9))
def test_a_binary_tensor_may_begin_at_any_byte(padding):
    request = decoded([BINARY], RAW, id="x" * padding)

    assert np.array_equal(request.tensors["features"], ROWS)
    assert matrix(3).check(request.tensors) == 2


def test_tensors_follow_in_the_order_of_the_json():
    a = {"name": "a", "shape": [2, 1], "datatype": "FP64", "parameters": {"binary_data_size": 16}}
    b = {"name": "b", "shape": [2, 1], "datatype": "INT64", "parameters": {"binary_data_size": 16}}
    tail = np.array([7, 8]).tobytes() + np.array([0.5, 1.5]).tobytes()

    request = decoded([b, a], tail, PAIR)

    assert request.tensors["b"].ravel().tolist() == [7, 8]
    assert request.tensors["a"].ravel().tolist() == [0.5, 1.5]


def test_json_and_binary_inputs_mix():
    a = {"name": "a", "shape": [1, 1], "datatype": "FP64", "parameters": {"binary_data_size": 8}}
    b = {"name": "b", "shape": [1, 1], "datatype": "INT64", "data": [3]}

    for order in ([a, b], [b, a]):
        request = decoded(order, np.array([2.5]).tobytes(), PAIR)
        assert (request.tensors["a"].item(), request.tensors["b"].item()) == (2.5, 3)


@pytest.mark.parametrize("size", [-8, 0, 40, 47, 49, 56, 10**30, 48.0, "48", True])
def test_a_size_that_does_not_add_up_is_refused(size):
    with pytest.raises(MalformedRequest, match="'features'"):
        decoded([{**BINARY, "parameters": {"binary_data_size": size}}], RAW)


@pytest.mark.parametrize("tail", [b"", RAW[:-1], RAW[:8]])
def test_a_tail_that_is_too_short_is_refused(tail):
    with pytest.raises(MalformedRequest, match=f"{len(tail)} bytes are left"):
        decoded([BINARY], tail)


def test_trailing_bytes_are_refused():
    with pytest.raises(MalformedRequest, match="2 bytes follow the last binary tensor"):
        decoded([BINARY], RAW + b"xx")


def test_bytes_after_json_tensors_are_refused():
    tensor = {"name": "features", "shape": [1, 3], "datatype": "FP64", "data": [1, 2, 3]}

    with pytest.raises(MalformedRequest, match="bytes follow"):
        decoded([tensor], b"\n")


def test_data_and_binary_data_at_once_are_refused():
    with pytest.raises(MalformedRequest, match="both data and binary_data_size"):
        decoded([{**BINARY, "data": [1, 2, 3, 4, 5, 6]}], RAW)


@pytest.mark.parametrize("shape", [[2, 2], [7], [0, 3], [10**18, 10**18], [2, -3]])
def test_a_shape_that_the_bytes_do_not_fill_is_refused(shape):
    with pytest.raises(MalformedRequest):
        decoded([{**BINARY, "shape": shape}], RAW)


def test_a_header_larger_than_the_body_is_refused():
    with pytest.raises(MalformedRequest, match="says 100 bytes, and the body has 2"):
        decode_infer(b"{}", 100, matrix(3))


@pytest.mark.parametrize("json_bytes", [1, 10, 60])
def test_a_header_that_cuts_the_json_is_refused(json_bytes):
    with pytest.raises(MalformedRequest, match="not JSON"):
        decode_infer(json.dumps({"inputs": [BINARY]}).encode() + RAW, json_bytes, matrix(3))


def test_an_empty_tensor_is_no_request():
    request = decoded([{**BINARY, "shape": [0, 3], "parameters": {"binary_data_size": 0}}], b"")

    with pytest.raises(Exception, match="is empty"):
        matrix(3).check(request.tensors)


def test_a_shape_of_endless_numbers_is_refused():
    text = json.dumps({"inputs": [{**BINARY, "shape": [77, 77]}]}).replace("77", "1" + "0" * 4000).encode()

    with pytest.raises(MalformedRequest):
        decode_infer(text + RAW, len(text), matrix(3))


def test_a_raw_body_is_one_tensor_and_every_answer_is_binary():
    request = decode_infer(RAW, 0, matrix(3))

    assert np.array_equal(request.tensors["features"], ROWS)
    assert request.outputs == (("prediction", True), ("probability", True))


@pytest.mark.parametrize("count", [1, 8, 23, 47])
def test_a_raw_body_that_is_no_whole_number_of_rows_is_refused(count):
    with pytest.raises(MalformedRequest):
        decode_infer(RAW[:count], 0, matrix(3))


def test_an_empty_raw_body_holds_no_rows():
    with pytest.raises(Exception, match="is empty"):
        matrix(3).check(decode_infer(b"", 0, matrix(3)).tensors)


@pytest.mark.parametrize(
    "signature",
    [PAIR, columns(a="BYTES"), Signature((TensorSpec("x", "FP32", (-1, -1)),), ())],
    ids=["two inputs", "BYTES", "two variable dimensions"],
)
def test_a_raw_body_needs_one_input_of_fixed_size(signature):
    with pytest.raises(MalformedRequest, match="raw binary request needs"):
        decode_infer(RAW, 0, signature)
