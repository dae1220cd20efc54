"""Inputs that are made of metadata, or taken from a request."""

import pytest

from services.client.datatypes import DATATYPES
from services.client.inputs import ROWS, flat, from_metadata, from_request, nest


@pytest.mark.parametrize("datatype", sorted(DATATYPES))
def test_metadata_gives_rows_that_differ(datatype):
    inputs = from_metadata([{"name": "x", "datatype": datatype, "shape": [-1, 2, -1]}])

    (tensor,) = inputs.flat(0, 3)
    assert inputs.batched and inputs.row_count == ROWS
    assert (tensor["name"], tensor["datatype"], tensor["shape"], len(tensor["data"])) == ("x", datatype, [2, 2, 1], 4)
    assert len({str(inputs.flat(row)) for row in range(ROWS)}) == (4 if datatype == "BOOL" else ROWS)


def test_an_input_of_fixed_shape_is_no_batch():
    inputs = from_metadata(
        [{"name": "x", "datatype": "FP32", "shape": [-1, 2]}, {"name": "y", "datatype": "BOOL", "shape": [3]}]
    )

    assert not inputs.batched
    assert [tensor["shape"] for tensor in inputs.flat(0)] == [[1, 2], [3]]


@pytest.mark.parametrize(
    "described",
    [None, [], {}, [None], [{"name": "x"}], [{"name": "x", "datatype": "FP33", "shape": [1]}],
     [{"name": "x", "datatype": "FP32", "shape": [-2]}], [{"name": 1, "datatype": "FP32", "shape": [1]}]],
)  # fmt: skip
def test_metadata_that_does_not_say_what_fits_gives_nothing(described):
    assert from_metadata(described) is None


def test_a_request_gives_its_rows():
    request = {
        "inputs": [
            {"name": "x", "datatype": "FP32", "shape": [2, 2], "data": [[1, 2], [3, 4]]},
            {"name": "y", "datatype": "BYTES", "shape": [2, 1], "data": ["a", "b"]},
        ]
    }

    inputs = from_request(request)

    assert inputs.row_count == 2
    assert inputs.nested(1, 0)[0] == {"name": "x", "shape": [2, 2], "datatype": "FP32", "data": [[3, 4], [1, 2]]}
    assert inputs.flat(1)[1] == {"name": "y", "shape": [1, 1], "datatype": "BYTES", "data": ["b"]}


@pytest.mark.parametrize(
    "request_",
    [
        None, [], {}, {"inputs": []}, {"inputs": [{}]}, {"inputs": [None]},
        {"inputs": [{"name": "x", "datatype": "FP32", "shape": [2, 2], "data": [1]}]},
        {"inputs": [{"name": "x", "datatype": "FP32", "shape": [], "data": [1]}]},
        {"inputs": [{"name": "x", "datatype": "FP33", "shape": [1], "data": [1]}]},
    ],
)  # fmt: skip
def test_what_is_no_request_is_said_to_be_none(request_):
    with pytest.raises(ValueError, match=r"\w"):
        from_request(request_)


@pytest.mark.parametrize("shape", [[6], [2, 3], [1, 2, 3], [3, 1, 2]])
def test_nested_data_is_flat_data_again(shape):
    assert flat(nest(list(range(6)), shape)) == list(range(6))
