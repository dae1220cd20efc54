"""The binary tensor extension: tensors as bytes after the JSON part."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from services.client.datatypes import FLOATS
from services.conformance.binary import parts, post, post_binary, send
from services.conformance.check import Check, Inapplicable, check
from services.conformance.expect import contract_error, expect, ok, refused
from services.conformance.target import Target
from services.conformance.tensors import encode, is_binary, outputs_of

NAME = "binary_tensor_data"
SOURCE = "Binary tensor extension"
# A change of the JSON part and of the bytes after it, both of a right request.
Change = Callable[[dict[str, Any], bytes], tuple[dict[str, Any], bytes]]


@check(SOURCE)
def bytes_get_the_answer_of_json(target: Target) -> None:
    """Inputs as bytes, little-endian and in the order of the JSON part, get the answer that JSON gets."""
    target.need_extension(NAME)
    target.expect_same(post_binary(target, target.inputs.flat(0)), target.outputs(), "the answer to JSON")


@check(SOURCE)
def a_batch_of_bytes_is_a_batch(target: Target) -> None:
    """A batch as bytes gets the answer that JSON gets."""
    target.need_extension(NAME)
    target.need_rows(3)
    target.expect_same(post_binary(target, target.inputs.flat(2, 0, 1)), target.outputs(2, 0, 1), "the answer to JSON")


@check(SOURCE)
def bytes_and_json_mix(target: Target) -> None:
    """Some inputs may be bytes and others JSON."""
    target.need_extension(NAME)
    if len(target.inputs.tensors) < 2:
        raise Inapplicable("the model has one input")
    first, *others = target.inputs.flat(0)
    text, tail = parts(others)
    text["inputs"].insert(0, first)
    target.expect_same(post(target, text, tail), target.outputs(), "the answer to JSON")


@check(f"{SOURCE}; tritonclient sends no Content-Type")
def bytes_need_no_content_type(target: Target) -> None:
    """The length header says what the body is; a Content-Type is not asked for."""
    target.need_extension(NAME)
    target.expect_same(post_binary(target, target.inputs.flat(0), ""), target.outputs(), "the answer to JSON")


@check(SOURCE)
def all_outputs_are_bytes_when_asked(target: Target) -> None:
    """`binary_data_output` of the request: every output is bytes, whose sizes add up, and the values are JSON's."""
    target.need_extension(NAME)
    reply = ok(target.infer(parameters={"binary_data_output": True}))
    target.expect_same(reply, target.outputs(), "the values of JSON")
    expect(is_binary(reply) == set(target.output_names), "every output as bytes", reply)


@check(SOURCE)
def one_output_is_bytes_when_asked(target: Target) -> None:
    """`binary_data` of one output: that one is bytes, the others JSON."""
    target.need_extension(NAME)
    target.need_outputs(2)
    names = target.output_names
    asked = [{"name": names[0], "parameters": {"binary_data": True}}, *({"name": name} for name in names[1:])]
    reply = ok(target.infer(outputs=asked))
    target.expect_same(reply, target.outputs(), "the values of JSON")
    expect(is_binary(reply) == {names[0]}, f"only {names[0]} as bytes", reply)


@check(SOURCE)
def the_flag_of_an_output_wins(target: Target) -> None:
    """`binary_data` of an output wins over `binary_data_output` of the request, which holds for the others."""
    target.need_extension(NAME)
    first, *others = target.output_names
    asked = [{"name": first, "parameters": {"binary_data": False}}, *({"name": name} for name in others)]
    reply = ok(target.infer(outputs=asked, parameters={"binary_data_output": True}))
    target.expect_same(reply, target.outputs(), "the values of JSON")
    expect(is_binary(reply) == set(others), f"all outputs but {first} as bytes", reply)


@check(SOURCE)
def strings_have_their_length_before_them(target: Target) -> None:
    """An element of BYTES is four bytes of length, then itself, in both directions."""
    target.need_extension(NAME)
    wanted = target.outputs()
    takes = any(tensor.datatype == "BYTES" for tensor in target.inputs.tensors)
    if not takes and not any(output.datatype == "BYTES" for output in wanted.values()):
        raise Inapplicable("no tensor is BYTES")
    reply = post_binary(target, target.inputs.flat(0), parameters={"binary_data_output": True})
    target.expect_same(reply, wanted, "the values of JSON")


@check(f"{SOURCE}, Raw Binary Request")
def a_raw_body_is_one_tensor(target: Target) -> None:
    """The length 0: the body is the one input's bytes, and every output comes back as bytes."""
    target.need_extension(NAME)
    tensor = _single(target)
    reply = ok(send(target, encode(tensor["datatype"], tensor["data"]), "0"))
    target.expect_same(reply, target.outputs(), "the values of JSON")
    expect(is_binary(reply) == set(target.output_names), "every output as bytes", reply)


@check(f"{SOURCE}, Raw Binary Request")
def a_raw_body_of_no_whole_row(target: Target) -> None:
    """A raw body whose bytes make no whole row is an error of the client's."""
    target.need_extension(NAME)
    tensor = _single(target)
    for content in (encode(tensor["datatype"], tensor["data"]) + b"\0", b""):
        refused(send(target, content, "0"))


LENGTHS = {
    "a_length_beyond_the_body": ("larger than the body", "99999999"),
    "a_negative_length": ("negative", "-1"),
    "a_length_in_words": ("no number", "ten"),
}
SIZES: dict[str, tuple[str, Change]] = {
    "a_size_beyond_the_body": ("A binary_data_size beyond the body", lambda text, tail: (_sized(text, 10**9), tail)),
    "a_size_that_leaves_bytes": ("Bytes after the last tensor", lambda text, tail: (text, tail + b"\0")),
    "a_negative_size": ("A negative binary_data_size", lambda text, tail: (_sized(text, -8), tail)),
    "a_size_that_is_no_number": ("A binary_data_size that is no number", lambda text, tail: (_sized(text, "8"), tail)),
    "bytes_that_do_not_fill_the_shape": ("Bytes that do not fill the shape", lambda text, tail: (_taller(text), tail)),
    "bytes_and_data": ("A tensor with both bytes and `data`", lambda text, tail: (_with_data(text), tail)),
}  # fmt: skip

# What the contract refuses beyond what the extension says.
STRICTER: tuple[Change, ...] = (
    lambda text, tail: (_sized(text, True), tail),
    lambda text, tail: (_sized(text, 8.0), tail),
    lambda text, tail: (_sized(text, 3), tail),
    lambda text, _: (
        {"inputs": [each | {"shape": [0], "parameters": {"binary_data_size": 0}} for each in text["inputs"]]},
        b"",
    ),
)


def _checks() -> Iterator[Check]:
    for name, (what, length) in LENGTHS.items():

        def run_length(target: Target, length: str = length) -> None:
            target.need_extension(NAME)
            text, tail = parts(target.inputs.flat(0))
            refused(send(target, json.dumps(text).encode() + tail, length))

        clause = f"An Inference-Header-Content-Length that is {what} is an error of the client's."
        yield Check(f"infer_binary.{name}", clause, SOURCE, "protocol", run_length)
    for name, (what, change) in SIZES.items():

        def run_size(target: Target, change: Change = change) -> None:
            target.need_extension(NAME)
            refused(post(target, *change(*parts(target.inputs.flat(0)))))

        yield Check(f"infer_binary.{name}", f"{what} is an error of the client's.", SOURCE, "protocol", run_size)


CHECKS = tuple(_checks())


@check("Trivet contract, HTTP statuses", "trivet")
def broken_bytes_answer_400(target: Target) -> None:
    """All that does not add up, and a binary body without the length, answers 400 in the contract's one shape."""
    text, tail = parts(target.inputs.flat(0))
    content = json.dumps(text).encode() + tail
    for length in (*(length for _, length in LENGTHS.values()), "1.0", "+3", ""):
        contract_error(send(target, content, length), 400)
    for change in (*(change for _, change in SIZES.values()), *STRICTER):
        contract_error(post(target, *change(*parts(target.inputs.flat(0)))), 400)
    contract_error(send(target, content, None), 400)


@check("Trivet contract, Numbers", "trivet")
def infinite_bytes_are_refused(target: Target) -> None:
    """Infinity as bytes answers 400; so does NaN, unless the metadata's `missing` names the input."""
    at = target.need_input(*FLOATS)
    values = [float("inf"), float("-inf")]
    if target.inputs.tensors[at].name not in target.properties.get("missing", []):
        values.append(float("nan"))
    for value in values:
        inputs = target.inputs.flat(0)
        inputs[at]["data"][0] = value
        contract_error(post_binary(target, inputs), 400)


@check("Trivet contract, Numbers", "trivet")
def nan_means_missing(target: Target) -> None:
    """NaN as bytes is a missing value where the metadata's `missing` names the input."""
    missing = target.properties.get("missing", [])
    at = next((at for at, tensor in enumerate(target.inputs.tensors) if tensor.name in missing), None)
    if at is None:
        raise Inapplicable("no input may be missing")
    inputs = target.inputs.flat(0)
    inputs[at]["data"][0] = float("nan")
    expect(outputs_of(ok(post_binary(target, inputs))), "an answer", target.http.last)


def _single(target: Target) -> dict[str, Any]:
    """Return the only input, as a raw body can have it."""
    if len(target.inputs.tensors) != 1:
        raise Inapplicable("the model has several inputs")
    (tensor,) = target.inputs.flat(0)
    if tensor["datatype"] == "BYTES":
        raise Inapplicable("the only input is BYTES")
    return tensor


def _sized(text: dict[str, Any], size: object) -> dict[str, Any]:
    text["inputs"][-1]["parameters"]["binary_data_size"] = size
    return text


def _taller(text: dict[str, Any]) -> dict[str, Any]:
    text["inputs"][-1]["shape"][0] += 1
    return text


def _with_data(text: dict[str, Any]) -> dict[str, Any]:
    text["inputs"][0]["data"] = [1]
    return text
