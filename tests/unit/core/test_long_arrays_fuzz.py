"""Taking long arrays out of a text changes neither what is accepted nor what it means."""

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.core import json_body, json_pieces, long_arrays, tensors
from services.core.contract import decode_infer
from services.core.errors import MalformedRequest, UnfitInput
from services.core.predict_body import decode_rows
from tests.unit.parts import columns, matrix

LITTLE_BYTES = 8
V2 = b'{"inputs":[{"name":"features","shape":[2,3],"datatype":"FP64","data":%s,"x":5}],"id":"a]b"}'
TEXTS = b'{"inputs":[{"name":"features","shape":[%d],"datatype":"BYTES","data":%s}],"id":"\\"data\\":["}'
ARRAYS = (
    b"[[1.5,2,3],[4,5,-6e1]]",
    b"[1.5, 2, 3, 4, 5, 6]",
    b"[ [1,null,3] ,\n[4,5,6] ]",
    b"[[1,2,3]]",
    b"[]",
    rb'["a",",","]","\"],","\\","x" ,"[0]","data"]',
    rb'[ ["a","]],[[","\\"] , ["\"","}","\u005d"] ]',
    rb'[{"a":1,"b":"x"},{"b":"},{","a":2.5} , {"a":-3e1,"b":"\\\"]"}]',
    rb'[{"a":1,"b":"[0]"},{"a":2,"b":"\"inputs\":["},{"b":"","a":null}]',
)
SIGNATURES = (
    matrix(3),
    matrix(3, "INT64"),
    matrix(3, "BYTES"),
    columns(features="FP64"),
    columns(features="BYTES"),
    columns(a="FP64", b="BYTES"),
)
MUTATIONS = st.lists(
    st.tuples(
        st.integers(0, 140),
        st.integers(0, 2),
        st.sampled_from(
            [b"", b",", b"[", b"]", b'"', b'"[0]"', b" ", b"1", b"null", b"{", b"}", b":", b"\\", b'"a":[1,2]']
        ),
    ),
    max_size=3,
)


def outcomes(body: bytes, little_bytes: int) -> list[str]:
    """Return what each model makes of a body whose texts and pieces are cut at so many bytes."""
    found = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_body, "LONG_BYTES", little_bytes)
        patch.setattr(long_arrays, "STEP_BYTES", little_bytes)
        patch.setattr(long_arrays, "LONG_BYTES", little_bytes)
        patch.setattr(long_arrays, "WINDOW_BYTES", little_bytes)
        patch.setattr(tensors, "PIECE_BYTES", little_bytes)
        patch.setattr(json_pieces, "PIECE_BYTES", little_bytes)
        for signature in SIGNATURES:
            for decode in (lambda body, of: decode_infer(body, None, of).tensors, decode_rows):
                try:
                    read = decode(body, signature)
                    found.append(repr({name: array.tolist() for name, array in read.items()}))
                except (MalformedRequest, UnfitInput) as error:
                    found.append(type(error).__name__)
    return found


def same_long_and_short(body: bytes) -> None:
    assert outcomes(body, LITTLE_BYTES) == outcomes(body, 10**9)


@given(st.sampled_from(ARRAYS), st.sampled_from([b'{"inputs":%s}', V2, V2.replace(b"FP64", b"BYTES")]), MUTATIONS)
@settings(max_examples=600)
@example(ARRAYS[0], V2, [(0, 0, b"")])
def test_a_long_text_is_read_as_a_short_one(array, message, mutations):
    body = message % array
    for position, removed, inserted in mutations:
        body = body[:position] + inserted + body[position + removed :]

    same_long_and_short(body)


TEXT = st.text(st.sampled_from('[]{},:"\\\\ an0é\n'), max_size=6)


@given(st.lists(TEXT, max_size=12), st.booleans())
@settings(max_examples=300)
def test_any_strings_are_read_whole_and_in_pieces(texts, is_spaced):
    data = json.dumps(texts, separators=(" , ", ":") if is_spaced else (",", ":")).encode()

    same_long_and_short(TEXTS % (len(texts), data))
    assert repr(texts) in outcomes(TEXTS % (len(texts), data), LITTLE_BYTES)[0]


@given(st.lists(st.fixed_dictionaries({"a": st.integers(-99, 99), "b": TEXT}), min_size=1, max_size=8))
@settings(max_examples=300)
def test_any_named_rows_are_read_whole_and_in_pieces(rows):
    body = json.dumps({"inputs": rows}).encode()
    values = {"a": [[float(row["a"])] for row in rows], "b": [[row["b"]] for row in rows]}

    same_long_and_short(body)
    assert repr(values) in outcomes(body, LITTLE_BYTES)


@pytest.mark.parametrize("data", [b'"[0]"', b'"[1]"', b'["[0]"]', b"[[0]]"])
def test_a_text_that_looks_like_a_place_holder_stays_a_text(data):
    first = {"name": "a", "shape": [4], "datatype": "FP64", "data": [1, 2, 3, 4]}
    second = json.dumps({"name": "b", "shape": [4], "datatype": "FP64"}).encode()[:-1] + b',"data":%s}' % data

    same_long_and_short(b'{"inputs":[%s,%s]}' % (json.dumps(first).encode(), second))
    same_long_and_short(b'{"inputs":[%s,%s]}' % (second, json.dumps(first).encode()))


@pytest.mark.parametrize("garbage", [b"[1,,2,3,4]", b"[1,2,3,4] 5", b"[1 2 3 4 5]", b"[[1,2],[3,4]", b"[01,02,03,04]"])
def test_a_field_that_nobody_reads_must_be_json_too(garbage):
    same_long_and_short(V2.replace(b'"x":5', b'"x":' + garbage) % ARRAYS[0])
