"""Whatever arrives, decoding gives tensors or one of its three errors, and nothing else."""

import json
import struct
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.core.contract import decode_infer
from services.core.errors import MalformedRequest, TooLarge, UnfitInput
from services.core.predict_body import decode_row, decode_rows
from services.core.signature import Signature, TensorSpec
from services.core.tensors import DATATYPES
from tests.unit.parts import columns, matrix

SIGNATURES = (
    matrix(3),
    matrix(3, "FP32"),
    matrix(1, "INT64"),
    matrix(2, "BYTES"),
    msgspec.structs.replace(matrix(2), columns=("a", "b")),
    columns(a="FP64", b="BYTES", c="BOOL"),
    Signature((TensorSpec("features", "FP16", (-1, -1)),), ()),
    Signature((TensorSpec("features", "UINT8", (2, -1, 2)),), (), batched=False),
    Signature((TensorSpec("x", "FP32", ()),), (), batched=False),
)
TEXT = st.text('ab\0é😀"\\', max_size=4)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 300),
    st.sampled_from([2**31, -(2**63), 2**64, 10**30, 10**400, 1.5, -0.0, 1e308, 5e-324, 3.5e38]),
    st.floats(),
    TEXT,
    st.sampled_from(["features", "a", "b", *DATATYPES]),
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT | st.sampled_from("abc"), inner, max_size=3),
)
FIELDS = {
    "name": st.sampled_from(["features", "a", "b", "c", "x"]) | JSON,
    "shape": st.lists(st.integers(-1, 4) | st.sampled_from([2**62, 2**63, 10**400]), max_size=9) | JSON,
    "datatype": st.sampled_from(sorted(DATATYPES)) | JSON,
    "data": JSON,
    "parameters": st.fixed_dictionaries({}, optional={"binary_data_size": st.integers(-1, 40) | SCALARS}) | JSON,
}
TENSORS = st.fixed_dictionaries({}, optional=FIELDS)
MESSAGES = st.fixed_dictionaries(
    {"inputs": st.lists(TENSORS, max_size=3) | JSON},
    optional={
        "id": SCALARS,
        "parameters": st.dictionaries(st.sampled_from(["timeout", "binary_data_output"]), SCALARS) | JSON,
        "outputs": st.lists(st.fixed_dictionaries({}, optional={"name": st.sampled_from(["prediction", 5])})) | JSON,
    },
)
VALID = b'{"inputs":[{"name":"features","shape":[1,3],"datatype":"FP64","data":[[1.5,null,-3e2]]}],"id":"\\u00e9"}'


def tried(decode: Callable[..., Any], *arguments: Any) -> None:
    """Decode and check against the model, as every request is; only the three errors may come out."""
    signature = arguments[-1]
    try:
        result = decode(*arguments)
        signature.check(result if isinstance(result, dict) else result.tensors)
    except (MalformedRequest, UnfitInput, TooLarge) as error:
        assert error.message
        error.message.encode()


def tried_everywhere(body: bytes, json_bytes: int | None = None) -> None:
    for signature in SIGNATURES:
        tried(decode_infer, body, json_bytes, signature)
        if json_bytes is None:
            tried(decode_row, body, signature)
            tried(decode_rows, body, signature)


@given(st.binary(max_size=80))
@example(b"")
@example(b"\xff\xfe\x00")
def test_any_bytes(body):
    tried_everywhere(body)


@given(st.binary(max_size=80), st.integers(0, 100))
def test_any_bytes_after_any_header(body, json_bytes):
    tried_everywhere(body, json_bytes)


@given(JSON)
@settings(max_examples=80)
def test_any_json_as_rows(value):
    tried_everywhere(json.dumps({"features": value, "inputs": value}).encode())


@given(MESSAGES)
@settings(max_examples=150)
def test_any_message_that_looks_like_the_protocol(message):
    tried_everywhere(json.dumps(message).encode())


@given(MESSAGES, st.binary(max_size=48), st.integers(-2, 2))
@settings(max_examples=80)
def test_any_message_with_a_binary_tail(message, tail, off_by):
    text = json.dumps(message).encode()

    tried_everywhere(text + tail, max(0, len(text) + off_by))


@given(
    st.lists(st.tuples(st.integers(0, len(VALID)), st.integers(0, 2), st.binary(max_size=3)), min_size=1, max_size=4)
)
@settings(max_examples=150)
def test_any_mutation_of_a_valid_message(mutations):
    body = VALID
    for position, removed, inserted in mutations:
        body = body[:position] + inserted + body[position + removed :]

    tried_everywhere(body)
    tried_everywhere(body.replace(b'"inputs":[{', b'"features":[{', 1))


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"a":', b'{"inputs":[', b'{"features":[[', b" ", b'"', b"\\"])
@pytest.mark.parametrize("count", [100, 5_000, 200_000])
def test_any_bomb(opening, count):
    for body in (opening * count, b'{"inputs":' + opening * count, b'{"inputs":[[1,' + opening * count + b"]]}"):
        tried_everywhere(body)
    tried_everywhere(struct.pack("<I", count) * 100, 0)
