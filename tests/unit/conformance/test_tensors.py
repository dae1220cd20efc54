"""Tensors as bytes, and what an answer must look like to be read."""

import json

import pytest

from services.client.datatypes import NUMPY
from services.conformance.check import Failed
from services.conformance.http import Reply
from services.conformance.tensors import LENGTH, Output, alike, decode, encode, is_binary, outputs_of


@pytest.mark.parametrize("datatype", sorted(NUMPY))
def test_numbers_are_the_same_after_bytes(datatype):
    values = [True, False, True] if datatype == "BOOL" else [0, 1, 7]

    assert decode(datatype, encode(datatype, values)) == values


def test_bytes_are_little_endian_and_strings_have_their_length():
    assert encode("INT32", [1, -2]) == b"\x01\x00\x00\x00\xfe\xff\xff\xff"
    assert encode("BYTES", ["é", ""]) == b"\x02\x00\x00\x00\xc3\xa9\x00\x00\x00\x00"
    assert decode("BYTES", encode("BYTES", ["é", "", "ab"])) == ["é", "", "ab"]


def _reply(outputs, tail=b"", length=None):
    text = json.dumps({"outputs": outputs}).encode()
    headers = {LENGTH: length or str(len(text))} if tail or length else {}
    return Reply("POST", "/", b"", 200, headers, text + tail)


X = {"name": "x", "datatype": "INT8", "shape": [2]}


def test_json_and_binary_outputs_are_read_alike():
    binary = X | {"name": "y", "parameters": {"binary_data_size": 2}}

    reply = _reply([X | {"data": [1, 2]}, binary], b"\x01\x02")

    assert outputs_of(reply) == {"x": Output("INT8", [2], [1, 2]), "y": Output("INT8", [2], [1, 2])}
    assert is_binary(reply) == {"y"}


@pytest.mark.parametrize(
    "reply",
    [
        _reply(None), _reply([None]), _reply([X]), _reply([X | {"data": [1]}]), _reply([X | {"data": 1}]),
        _reply([X | {"data": [1, 2], "shape": [-2]}]), _reply([X | {"data": [1, 2], "datatype": "INT9"}]),
        _reply([X | {"data": [1, 2]}] * 2), _reply([X | {"data": [1, 2], "name": None}]),
        _reply([X | {"parameters": {"binary_data_size": 3}}], b"\x01\x02"),
        _reply([X | {"parameters": {"binary_data_size": 1}}], b"\x01\x02"),
        _reply([X | {"data": [1, 2]}], b"\x01"), _reply([X | {"data": [1, 2]}], length="999"),
        _reply([X | {"datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": 5}}], b"\x02\0\0\0a"),
    ],
)  # fmt: skip
def test_an_answer_that_breaks_the_document_is_not_read(reply):
    with pytest.raises(Failed):
        outputs_of(reply)


def test_floats_may_differ_in_their_last_digits_and_nothing_else_may():
    assert alike([0.1, float("nan"), 1, "a"], [0.10000001, float("nan"), 1, "a"])
    assert not alike([0.1], [0.11])
    assert not alike([1], [2])
    assert not alike([1], [1, 1])
    assert not alike(["a"], ["b"])
