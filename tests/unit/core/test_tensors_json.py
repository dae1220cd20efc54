"""JSON values become tensors of every datatype, or are refused by name."""

import json

import numpy as np
import pytest

from services.core.errors import MalformedRequest, UnfitInput
from services.core.tensors import DATATYPES, from_json, matrix_from_json, to_json

VALUES = {
    "BOOL": [True, False, True, True],
    "UINT8": [0, 1, 254, 255],
    "UINT16": [0, 1, 2, 65535],
    "UINT32": [0, 1, 2, 4294967295],
    "UINT64": [0, 1, 2, 18446744073709551615],
    "INT8": [-128, 0, 1, 127],
    "INT16": [-32768, 0, 1, 32767],
    "INT32": [-2147483648, 0, 1, 2147483647],
    "INT64": [-9223372036854775808, 0, 9007199254740993, 9223372036854775807],
    "FP16": [0.5, -2.0, 65504.0, 0.0],
    "FP32": [0.1, -2.5, 3.4028234663852886e38, 1e-45],
    "FP64": [0.1, -2.5, 1.7976931348623157e308, 5e-324],
    "BYTES": ["", "a", "é😀", 'with "quotes" and , ] commas'],
}


def test_the_table_holds_every_datatype_of_the_protocol():
    assert VALUES.keys() == DATATYPES.keys()


@pytest.mark.parametrize("datatype", VALUES)
def test_each_datatype_keeps_its_values_and_its_type(datatype):
    array = from_json("x", datatype, (4,), json.dumps(VALUES[datatype]).encode())

    assert array.dtype == DATATYPES[datatype]
    assert array.tolist() == np.array(VALUES[datatype], dtype=DATATYPES[datatype]).tolist()


@pytest.mark.parametrize("datatype", VALUES)
def test_flat_and_nested_data_give_the_same_tensor(datatype):
    values = VALUES[datatype]
    flat = from_json("x", datatype, (2, 2), json.dumps(values).encode())

    nested = from_json("x", datatype, (2, 2), json.dumps([values[:2], values[2:]]).encode())

    assert flat.shape == nested.shape == (2, 2)
    assert flat.tolist() == nested.tolist()


@pytest.mark.parametrize("datatype", VALUES)
def test_encoding_and_decoding_again_changes_nothing(datatype):
    array = from_json("x", datatype, (2, 2), json.dumps(VALUES[datatype]).encode())

    again = from_json("x", datatype, (2, 2), to_json(array))

    assert again.tolist() == array.tolist()


def test_indented_data_of_many_axes_is_read_as_nested():
    values = np.arange(16.0).reshape(2, 2, 2, 2)
    raw = json.dumps(values.tolist(), indent=24).encode()

    array = from_json("x", "FP64", (2, 2, 2, 2), raw)

    assert array.tolist() == values.tolist()


def test_integers_are_fine_where_floats_are_expected():
    assert from_json("x", "FP32", (3,), b"[1, -0, 16777216]").tolist() == [1.0, 0.0, 16777216.0]


@pytest.mark.parametrize("datatype", ["FP16", "FP32", "FP64"])
def test_null_is_a_missing_number(datatype):
    assert np.isnan(from_json("x", datatype, (2,), b"[null, 1]")).tolist() == [True, False]


@pytest.mark.parametrize("datatype", [name for name in VALUES if name != "BYTES"])
def test_a_string_is_never_a_number(datatype):
    with pytest.raises(MalformedRequest, match="got `str`"):
        from_json("x", datatype, (1,), b'["1"]')


@pytest.mark.parametrize("raw", [b"[1]", b"[null]", b"[true]", b'["\\ud800"]', b'["\xff\xfe"]'])
def test_bytes_elements_are_whole_unicode_strings(raw):
    with pytest.raises(MalformedRequest):
        from_json("x", "BYTES", (1,), raw)


@pytest.mark.parametrize("raw", [b"[1]", b"[0.0]", b"[null]"])
def test_a_number_is_no_bool(raw):
    with pytest.raises(MalformedRequest):
        from_json("x", "BOOL", (1,), raw)


@pytest.mark.parametrize(
    ("datatype", "raw"),
    [
        ("UINT8", b"[256]"),
        ("UINT64", b"[-1]"),
        ("INT64", b"[9223372036854775808]"),
        ("FP16", b"[65520]"),
        ("FP32", b"[3.5e38]"),
        ("FP32", b"[-1e39]"),
    ],
)
def test_a_number_beyond_its_datatype_is_refused_as_unfit(datatype, raw):
    with pytest.raises(UnfitInput, match=f"beyond the range of {datatype}"):
        from_json("x", datatype, (1,), raw)


@pytest.mark.parametrize("raw", [b"[1e400]", b"[-1e400]", b"[1" + b"0" * 400 + b"]", b"[1" + b"0" * 5000 + b"]"])
def test_a_number_beyond_float64_is_refused(raw):
    with pytest.raises(MalformedRequest, match="out of range"):
        from_json("x", "FP64", (1,), raw)


@pytest.mark.parametrize("raw", [b"[NaN]", b"[Infinity]", b"[-Infinity]", b"[nan]", b"[1,]", b"[01]", b"[+1]", b"[.5]"])
def test_what_json_does_not_know_is_refused(raw):
    with pytest.raises(MalformedRequest):
        from_json("x", "FP64", (1,), raw)


@pytest.mark.parametrize("raw", [b"[[1,2],[3]]", b"[[1,2],3]", b"[[1],[2,3]]", b"[[1,2],[]]", b"[[[1]],[2]]"])
@pytest.mark.parametrize("datatype", ["FP64", "INT32", "BYTES"])
def test_ragged_data_is_refused(datatype, raw):
    if datatype == "BYTES":
        raw = bytes(raw).replace(b"1", b'"1"').replace(b"2", b'"2"').replace(b"3", b'"3"')

    with pytest.raises(MalformedRequest):
        from_json("x", datatype, (2, 2), raw)


@pytest.mark.parametrize("shape", [(3,), (2, 1), (1, 2, 2), (2, 2, 1), (0,), (), (10**18, 10**18), (2**63 - 1,) * 8])
def test_data_that_does_not_fill_its_shape_is_refused(shape):
    with pytest.raises(MalformedRequest, match="shape"):
        from_json("x", "FP64", shape, b"[[1,2],[3,4]]")


@pytest.mark.parametrize("shape", [(0, 10**18, 10**18), (0, 10**30), (2**62, 2**62, 0)])
def test_an_empty_tensor_of_an_impossible_shape_is_refused(shape):
    with pytest.raises(MalformedRequest, match="shape"):
        from_json("x", "FP64", shape, b"[]")


@pytest.mark.parametrize("datatype", ["FP33", "fp64", "", "STRING", "BF16"])
def test_an_unknown_datatype_is_named(datatype):
    with pytest.raises(MalformedRequest, match=f"{datatype!r}; known are BOOL"):
        from_json("x", datatype, (1,), b"[1]")


@pytest.mark.parametrize("size", [9, 64, 10_000, 1_000_000])
def test_a_nest_of_brackets_is_refused(size):
    with pytest.raises(MalformedRequest):
        from_json("x", "FP64", (1,), b"[" * size + b"]" * size)


@pytest.mark.parametrize("raw", [b"[1,2]", b"[[1,2],[3]]", b"[[[1]]]", b"[]", b"5", b"null", b'"x"', b"[{}]"])
def test_a_matrix_is_an_array_of_rows_of_equal_length(raw):
    with pytest.raises(MalformedRequest):
        matrix_from_json("inputs", "FP64", raw)
