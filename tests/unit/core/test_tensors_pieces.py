"""A big request is cut, so that no C call holds the interpreter for long; the cut changes nothing."""

import json
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.core import json_pieces, tensors
from services.core.errors import MalformedRequest, TrivetError
from services.core.json_pieces import PIECE_BYTES
from services.core.long_arrays import take_out
from services.core.tensors import from_json, matrix_from_json, to_json

LITTLE_BYTES = 16
NUMBERS = st.one_of(
    st.none(),
    st.integers(-(2**40), 2**40),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0.1, -0.0, 1e-7, 1.5e300]),
)


@st.composite
def written(draw: st.DrawFn) -> tuple[int, bytes]:
    """A JSON array of numbers or of rows, with spaces where JSON allows them, and how many axes it has."""
    depth = draw(st.integers(1, 2))
    numbers = st.lists(NUMBERS, min_size=draw(st.integers(0, 3)), max_size=12)
    values = draw(numbers if depth == 1 else st.lists(numbers, max_size=12))
    spaces = random.Random(draw(st.integers(0, 99)))
    text = json.dumps(values, separators=(",", ":"))
    return depth, "".join(mark + " \n\t"[: spaces.randint(0, 3)] * (mark in "[],") for mark in text).encode()


def outcome_of(raw: bytes, depth: int, piece_bytes: int) -> object:
    """Return the array, or the error, that decoding in pieces of this size gives."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tensors, "PIECE_BYTES", piece_bytes)
        patch.setattr(json_pieces, "PIECE_BYTES", piece_bytes)
        patch.setattr(tensors, "FEW_PIECES", 0)
        try:
            if depth == 2:
                return matrix_from_json("x", "FP64", raw).tolist().__repr__()
            return tensors._decode("x", "FP64", raw, 1).tolist().__repr__()
        except TrivetError as error:
            return type(error)


@given(written())
def test_pieces_give_what_the_whole_gives(depth_and_raw):
    depth, raw = depth_and_raw

    assert outcome_of(raw, depth, LITTLE_BYTES) == outcome_of(raw, depth, 10**9)


@given(written(), st.integers(0, 200), st.sampled_from([b"]", b"[", b",", b'"a,]"', b"x", b"null", b"{}", b" ", b"1"]))
def test_pieces_refuse_what_the_whole_refuses(depth_and_raw, position, inserted):
    depth, raw = depth_and_raw
    broken = raw[:position] + inserted + raw[position:]
    try:
        json.loads(broken)
    except ValueError:
        return  # whoever cuts the data out of a message has seen that it is JSON

    assert outcome_of(broken, depth, LITTLE_BYTES) == outcome_of(broken, depth, 10**9)


@given(st.integers(1, 300), st.integers(1, 40), st.booleans())
def test_each_piece_is_as_small_as_promised(row_count, width, nested):
    values = np.arange(row_count * width, dtype=np.float64).reshape(row_count, width)
    raw = json.dumps(values.tolist() if nested else values.ravel().tolist()).encode()
    longest = max(len(json.dumps(row)) for row in values.tolist()) if nested else 10

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_pieces, "PIECE_BYTES", 256)
        pieces = list(json_pieces.pieces(raw, b"]" if nested else b""))

    assert all(len(piece) <= 256 + longest + 8 for piece in pieces)
    assert [value for piece in pieces for value in json.loads(piece)] == json.loads(raw)


@pytest.mark.parametrize("datatype", ["FP64", "FP32", "FP16", "INT64", "UINT8", "BOOL"])
def test_a_big_tensor_of_each_kind_is_the_same_in_pieces(datatype):
    values = (np.arange(40_000) % 2).reshape(-1, 4).astype(tensors.DATATYPES[datatype])
    raw = json.dumps(values.tolist()).encode()
    assert len(raw) > 4 * PIECE_BYTES

    array = from_json("x", datatype, values.shape, raw)

    assert array.dtype == values.dtype
    assert np.array_equal(array, values)


def test_whole_floats_late_in_a_big_tensor_of_integers_are_fine():
    values = [*range(20_000), 7.0]

    array = from_json("x", "INT64", (20_001,), json.dumps(values).encode())

    assert array.tolist() == values


def test_rows_of_another_length_in_a_later_piece_are_refused():
    rows = [[1.5, 2.5]] * 5_000 + [[1.5, 2.5, 3.5]] * 5_000

    with pytest.raises(MalformedRequest):
        matrix_from_json("inputs", "FP64", json.dumps(rows).encode())


@pytest.mark.parametrize("shape", [(20_000,), (5_000, 4), (50, 100, 4), (2, 10_000), (1, 20_000)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, np.bool_, np.object_])
def test_a_big_answer_is_the_same_in_pieces(shape, dtype):
    array = np.random.default_rng(0).normal(size=shape)
    array = array.astype(str).astype(dtype) if dtype is np.object_ else array.astype(dtype)

    assert np.array_equal(np.array(json.loads(to_json(array)), dtype=dtype), array)


@pytest.mark.parametrize("spaces", [None, 1])
def test_what_is_taken_out_of_a_text_is_nearly_all_of_it(spaces):
    rows = [{"name": f'],["{number}"', "value": number} for number in range(10_000)]
    texts = [row["name"] for row in rows] * 2
    for body, key, array in [
        ({"inputs": rows, "id": "a"}, b'"inputs"', rows),
        ({"inputs": [{"shape": [20_000], "data": texts}, {"data": [1, 2]}]}, b'"data"', texts),
        (
            {"inputs": [{"data": [[text] for text in texts], "shape": [20_000, 1]}]},
            b'"data"',
            [[text] for text in texts],
        ),
        ({"inputs": [[1.5, 2.5]] * 40_000, "id": "a"}, b'"inputs"', [[1.5, 2.5]] * 40_000),
    ]:
        shorter, taken = take_out(json.dumps(body, indent=spaces).encode(), key)

        assert len(shorter) < 200
        assert [json.loads(taken_array) for taken_array in taken.values()] == [array]


def test_keys_without_an_end_are_looked_at_once():
    text = b'"data":["' * 100_000

    assert take_out(text, b'"data"') == (text, {})


@pytest.mark.parametrize(
    "element, closer, steps_aside",
    [(b'"text"', b'"', True), (b'{"a":1}', b"}", True), (b"1.5", b"", False), (b"[1,2]", b"]", False)],
)
def test_a_thread_steps_aside_between_pieces_of_long_strings_and_objects(monkeypatch, element, closer, steps_aside):
    slept = []
    monkeypatch.setattr(json_pieces.time, "sleep", slept.append)
    on_loop, long = (b"[" + b",".join([element] * (size // len(element))) + b"]" for size in (24 * 1024, 128 * 1024))

    list(json_pieces.pieces(on_loop, closer))
    assert slept == []
    list(json_pieces.pieces(long, closer))
    assert bool(slept) is steps_aside
