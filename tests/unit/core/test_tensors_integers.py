"""Whole numbers, also those that a client writes as floats: exact, or refused."""

import numpy as np
import pytest

from services.core.errors import MalformedRequest, UnfitInput
from services.core.tensors import DATATYPES, from_json

INTEGERS = [name for name in DATATYPES if "INT" in name]


@pytest.mark.parametrize("datatype", INTEGERS)
def test_whole_floats_are_fine_where_integers_are_expected(datatype):
    limits = np.iinfo(DATATYPES[datatype])
    largest = min(limits.max, 2**53 - 1)

    array = from_json("x", datatype, (2,), f"[{float(largest)!r}, 3]".encode())

    assert array.tolist() == [largest, 3]


@pytest.mark.parametrize("raw", [b"[256.0]", b"[-1.0]", b"[1e300]"])
def test_whole_floats_beyond_the_integer_range_are_refused(raw):
    with pytest.raises(UnfitInput, match="beyond the range of UINT8"):
        from_json("x", "UINT8", (1,), raw)


def test_an_integer_that_a_float_cannot_hold_is_never_changed_in_silence():
    with pytest.raises(UnfitInput, match="beyond the range"):
        from_json("x", "INT64", (2,), b"[9007199254740993, 1.0]")


@pytest.mark.parametrize("raw", [b"[1.5]", b"[null, 1.0]", b"[null]", b'["1"]', b"[true]"])
def test_what_is_no_whole_number_is_refused_where_integers_are_expected(raw):
    with pytest.raises(MalformedRequest, match="'x'"):
        from_json("x", "INT32", (raw.count(b",") + 1,), raw)
