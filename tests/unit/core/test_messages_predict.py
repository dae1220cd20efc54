"""`/predict` and `/predict/batch`: which bodies are rows, and how the others are refused."""

import json

import msgspec
import numpy as np
import pytest

from services.core.errors import MalformedRequest, UnfitInput
from services.core.predict_body import decode_row, decode_rows
from services.core.signature import Signature, TensorSpec
from services.core.tensors import DATATYPES
from tests.unit.parts import columns, matrix

NAMED = msgspec.structs.replace(matrix(3), columns=("a", "b", "c"))
MIXED = columns(age="FP64", calls="INT64", plan="BYTES", member="BOOL")


def row(features: object) -> bytes:
    return json.dumps({"features": features}).encode()


def batch(inputs: object) -> bytes:
    return json.dumps({"inputs": inputs}).encode()


@pytest.mark.parametrize("datatype", ["FP64", "FP32", "INT64"])
def test_a_list_is_one_row(datatype):
    tensors = decode_row(row([1, 2, 3]), matrix(3, datatype))

    assert tensors["features"].tolist() == [[1, 2, 3]]
    assert matrix(3, datatype).check(tensors) == 1


def test_null_is_a_missing_value():
    assert np.isnan(decode_row(row([1, None, 3]), matrix(3))["features"]).tolist() == [[False, True, False]]


@pytest.mark.parametrize("order", ["abc", "cba", "bca"])
def test_columns_are_found_by_name_in_any_order(order):
    tensors = decode_row(row({name: "abc".index(name) for name in order}), NAMED)

    assert tensors["features"].tolist() == [[0, 1, 2]]


def test_each_named_column_becomes_a_tensor_of_its_own_type():
    tensors = decode_row(row({"plan": "größer", "age": 4, "member": True, "calls": 7.0}), MIXED)

    assert {name: array.tolist() for name, array in tensors.items()} == {
        "age": [[4.0]],
        "calls": [[7]],
        "plan": [["größer"]],
        "member": [[True]],
    }
    assert MIXED.check(tensors) == 1


def test_a_batch_is_any_number_of_rows_in_order():
    tensors = decode_rows(batch([[number, 0, 1] for number in range(50)]), matrix(3))

    assert tensors["features"][:, 0].tolist() == list(range(50))


def test_a_batch_of_named_rows_keeps_rows_and_columns_apart():
    inputs = [{"age": n, "calls": -n, "plan": f"p{n}", "member": n % 2 == 0} for n in range(5)]

    tensors = decode_rows(batch(inputs), MIXED)

    assert tensors["calls"].ravel().tolist() == [0, -1, -2, -3, -4]
    assert tensors["plan"].ravel().tolist() == ["p0", "p1", "p2", "p3", "p4"]


def test_an_indented_body_of_named_rows_is_read():
    body = json.dumps({"inputs": [{"a": 1, "b": 2, "c": 3}]}, indent=70).encode()

    assert decode_rows(body, NAMED)["features"].tolist() == [[1, 2, 3]]
    indented = json.dumps({"features": {"a": 1, "b": 2, "c": 3}}, indent=70).encode()
    assert decode_row(indented, NAMED)["features"].tolist() == [[1, 2, 3]]


@pytest.mark.parametrize("datatype", ["FP64", "FP32", "INT64"])
@pytest.mark.parametrize("count", [10, 5_000, 100_000])
def test_a_row_of_any_width_is_read(datatype, count):
    tensors = decode_row(row(list(range(count))), matrix(count, datatype))

    assert tensors["features"].dtype == DATATYPES[datatype]
    assert tensors["features"].tolist() == [list(range(count))]


@pytest.mark.parametrize(
    "body", [b"", b"{", b'{"features":[1,2}', b"\xff", b"NaN", b'{"features":[NaN,1,2]}', b"[" * 9999]
)
def test_what_is_no_json_is_malformed(body):
    for decode in (decode_row, decode_rows):
        with pytest.raises(MalformedRequest):
            decode(body.replace(b"features", b"inputs" if decode is decode_rows else b"features"), matrix(3))


@pytest.mark.parametrize(
    "body", [b"[]", b"5", b"null", b'"features"', b"{}", b'{"feature":[1,2,3]}', b'{"Features":[1]}']
)
def test_json_of_another_shape_is_unfit(body):
    with pytest.raises(UnfitInput, match="does not fit"):
        decode_row(body, matrix(3))
    with pytest.raises(UnfitInput, match="does not fit"):
        decode_rows(body, matrix(3))


@pytest.mark.parametrize(
    "features",
    [
        None,
        5,
        "1,2,3",
        True,
        [["1"], 2, 3],
        [1, "2", 3],
        [1, True, 3],
        [[1, 2, 3]],
        [1, [2], 3],
        [[]],
        [1, {}, 3],
        {},
        {"a": 1, "b": 2},
        {"a": 1, "b": 2, "c": 3, "d": 4},
        {"a": [1], "b": [2], "c": [3]},
        {"a": "1", "b": 2, "c": 3},
    ],
)
def test_features_that_are_no_row_are_unfit(features):
    with pytest.raises(UnfitInput):
        decode_row(row(features), NAMED)


@pytest.mark.parametrize("count", [0, 2, 4])
def test_a_row_of_another_width_does_not_fit(count):
    tensors = decode_row(row([1.5] * count), matrix(3))

    with pytest.raises(UnfitInput):
        matrix(3).check(tensors)


@pytest.mark.parametrize(
    "inputs", [None, {}, [], 5, [1, 2, 3], [[1, 2], [3]], [[1, 2, 3], {"a": 1}], [{"a": 1}, [1, 2, 3]]]
)
def test_inputs_that_are_no_rows_are_unfit(inputs):
    with pytest.raises(UnfitInput):
        NAMED.check(decode_rows(batch(inputs), NAMED))


@pytest.mark.parametrize(
    ("given", "complaint"),
    [({"a": 1, "b": 2}, "'c' is missing"), ({"a": 1, "b": 2, "c": 3, "x": 4}, "'x' is unknown; expected are")],
)
def test_a_wrong_column_is_named(given, complaint):
    with pytest.raises(UnfitInput, match=complaint):
        decode_row(row(given), NAMED)


def test_a_value_of_a_named_column_is_no_list():
    with pytest.raises(UnfitInput):
        decode_row(row({"x": [5]}), columns(x="FP64"))
    with pytest.raises(UnfitInput):
        decode_rows(batch([{"x": [5]}, {"x": [6]}]), columns(x="FP64"))


def test_names_are_refused_where_the_model_knows_none():
    with pytest.raises(UnfitInput, match="3 numbers were expected"):
        decode_row(row({"a": 1, "b": 2, "c": 3}), matrix(3))


def test_a_list_is_refused_where_columns_have_names_only():
    with pytest.raises(UnfitInput, match="must name its columns; the model takes 'age', 'calls'"):
        decode_row(row([1, 2, "x", True]), MIXED)


def test_the_last_of_two_equal_keys_counts():
    assert decode_row(b'{"features":[1,2,3],"features":[4,5,6]}', matrix(3))["features"].tolist() == [[4, 5, 6]]
    assert decode_row(b'{"features":{"a":1,"b":2,"c":3,"a":9}}', NAMED)["features"].tolist() == [[9, 2, 3]]


@pytest.mark.parametrize("value", ["1e400", "-1e400", "1" + "0" * 5000, "1" + "0" * 400])
def test_a_number_beyond_float64_is_unfit(value):
    with pytest.raises(UnfitInput):
        decode_row(b'{"features":[1,2,%s]}' % value.encode(), matrix(3))


@pytest.mark.parametrize(
    "signature",
    [
        Signature((TensorSpec("image", "FP32", (-1, 3, 8, 8)),), ()),
        Signature((TensorSpec("x", "FP32", (4,)),), (), batched=False),
        Signature((TensorSpec("a", "FP32", (-1, 2)), TensorSpec("b", "FP32", (-1, 1))), ()),
    ],
)
def test_a_model_over_other_tensors_sends_the_client_to_v2(signature):
    with pytest.raises(UnfitInput, match="use /v2"):
        decode_row(row([1]), signature)
    with pytest.raises(UnfitInput, match="use /v2"):
        decode_rows(batch([[1]]), signature)
