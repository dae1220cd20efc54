"""Raw bytes become tensors of every datatype, or are refused; and the way back."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.core.errors import MalformedRequest
from services.core.tensors import DATATYPES, datatype_of, from_bytes, to_bytes

FIXED = [name for name in DATATYPES if name != "BYTES"]


def lengths_and(*elements: bytes) -> bytes:
    return b"".join(struct.pack("<I", len(element)) + element for element in elements)


@pytest.mark.parametrize("datatype", FIXED)
def test_each_datatype_keeps_its_values_and_its_type(datatype):
    array = np.array([[0, 1, 1], [1, 0, 1]]).astype(DATATYPES[datatype])

    again = from_bytes("x", datatype, (2, 3), memoryview(to_bytes(array)))

    assert datatype_of(again) == datatype
    assert again.tolist() == array.tolist()


def test_values_are_little_endian_and_row_major():
    array = np.array([[1, 2], [3, 4]], dtype=np.uint16)

    assert to_bytes(array) == b"\1\0\2\0\3\0\4\0"
    assert to_bytes(array.astype(">u2")) == b"\1\0\2\0\3\0\4\0"
    assert to_bytes(array.T) == b"\1\0\3\0\2\0\4\0"


@given(st.lists(st.text("a\0é😀", max_size=8), max_size=12))
def test_texts_come_back_as_they_were(texts):
    array = np.array([*texts, None], dtype=object)[:-1]

    again = from_bytes("x", "BYTES", (len(texts), 1), memoryview(to_bytes(array)))

    assert again.ravel().tolist() == texts


@given(st.binary(max_size=64), st.sampled_from(sorted(DATATYPES)), st.lists(st.integers(0, 2**63 - 1), max_size=8))
def test_any_bytes_are_a_tensor_or_malformed(raw, datatype, shape):
    try:
        array = from_bytes("x", datatype, tuple(shape), memoryview(raw))
    except MalformedRequest:
        return

    assert array.shape == tuple(shape)


@pytest.mark.parametrize("count", [0, 1, 3, 4, 5, 15, 17])
def test_bytes_that_do_not_fill_the_shape_are_refused(count):
    with pytest.raises(MalformedRequest, match="'x'"):
        from_bytes("x", "FP64", (1,), memoryview(bytes(count)))


@pytest.mark.parametrize("shape", [(10**18, 10**18), (2**63 - 1,) * 8, (0, 2**62, 2**62), (2,), ()])
def test_impossible_shapes_are_refused_without_an_allocation(shape):
    with pytest.raises(MalformedRequest):
        from_bytes("x", "FP64", shape, memoryview(b"" if 0 in shape else bytes(24)))


def test_a_bool_is_one_byte_of_0_or_1():
    assert from_bytes("x", "BOOL", (2,), memoryview(b"\0\1")).tolist() == [False, True]

    with pytest.raises(MalformedRequest, match="other than 0 and 1"):
        from_bytes("x", "BOOL", (2,), memoryview(b"\0\2"))


@pytest.mark.parametrize(
    ("raw", "complaint"),
    [
        (b"\1\0\0", "within the length"),
        (lengths_and(b"ab")[:-1], "within an element of 2 bytes"),
        (b"\xff\xff\xff\xff", "within an element of 4294967295 bytes"),
        (lengths_and(b"\xff"), "not UTF-8"),
        (lengths_and(b"\xed\xa0\x80"), "not UTF-8"),
        (lengths_and(b"a", b"b"), "holds 2 values, and its shape says 1"),
        (b"", "holds 0 values"),
    ],
)
def test_broken_texts_are_refused(raw, complaint):
    with pytest.raises(MalformedRequest, match=complaint):
        from_bytes("x", "BYTES", (1,), memoryview(raw))


def test_an_unknown_datatype_is_named():
    with pytest.raises(MalformedRequest, match="'BF16'; known are BOOL"):
        from_bytes("x", "BF16", (1,), memoryview(b"12"))
