"""Bodies that break the protocol, each made of a right request."""

import json
from collections.abc import Callable
from typing import Any

from services.client.datatypes import NUMPY
from services.conformance.check import Inapplicable
from services.conformance.target import Target

# Makes the body; raises Inapplicable.
Broken = Callable[[Target], bytes]

# More nesting than any parser of a recursive kind takes.
DEEP = 50_000


def _changed(**change: Any) -> Broken:
    """Return a right request whose first input is changed; None takes a field away."""
    return lambda target: _with_first(target, {**target.inputs.flat(0)[0], **change})


def _with_first(target: Target, first: dict[str, Any]) -> bytes:
    kept = {field: value for field, value in first.items() if value is not None}
    return json.dumps({"inputs": [kept, *target.inputs.flat(0)[1:]]}).encode()


def _last_axis_longer(by: float) -> Broken:
    return _shape_changed(lambda shape: [*shape[:-1], shape[-1] + by])


def _input_twice(target: Target) -> bytes:
    inputs = target.inputs.flat(0)
    return json.dumps({"inputs": [*inputs, inputs[0]]}).encode()


def _shape_changed(change: Callable[[list[int]], list[Any]]) -> Broken:
    def broken(target: Target) -> bytes:
        first = first_input(target)
        if not first["shape"]:
            raise Inapplicable("the input is a single value")
        return _with_first(target, first | {"shape": change(first["shape"])})

    return broken


def _shape_and_data(change: Callable[[list[int], list[Any]], tuple[list[Any], Any]]) -> Broken:
    def broken(target: Target) -> bytes:
        first = first_input(target)
        shape, data = change(first["shape"], first["data"])
        return _with_first(target, first | {"shape": shape, "data": data})

    return broken


def _data_changed(change: Callable[[list[Any]], Any]) -> Broken:
    return lambda target: _with_first(target, first_input(target) | {"data": change(first_input(target)["data"])})


def _more(**fields: Any) -> Broken:
    return lambda target: json.dumps(target.body(**fields)).encode()


def _text(body: bytes) -> Broken:
    return lambda _target: body


def _one_input_too_many(target: Target) -> bytes:
    inputs = target.inputs.flat(0)
    return json.dumps({"inputs": [*inputs, inputs[0] | {"name": "no_such_input"}]}).encode()


def _one_input_too_few(target: Target) -> bytes:
    if len(target.inputs.tensors) < 2:
        raise Inapplicable("the model has one input")
    return json.dumps({"inputs": target.inputs.flat(0)[1:]}).encode()


def _name_in_other_case(target: Target) -> bytes:
    name = target.inputs.tensors[0].name
    if name.swapcase() == name:
        raise Inapplicable("the input's name has no letters")
    return _with_first(target, first_input(target) | {"name": name.swapcase()})


def _strings_for_numbers(target: Target) -> bytes:
    at = target.need_input(*NUMPY)
    inputs = target.inputs.flat(0)
    inputs[at] |= {"data": ["one"] * len(inputs[at]["data"])}
    return json.dumps({"inputs": inputs}).encode()


def _another_datatype(target: Target) -> bytes:
    """Strings that say so where numbers belong, and the other way round."""
    first = first_input(target)
    count = len(first["data"])
    change = {"datatype": "FP32", "data": [1.5] * count}
    if first["datatype"] != "BYTES":
        change = {"datatype": "BYTES", "data": ["one"] * count}
    return _with_first(target, first | change)


def _lower_case(target: Target) -> bytes:
    return _with_first(target, first_input(target) | {"datatype": first_input(target)["datatype"].lower()})


def first_input(target: Target) -> dict[str, Any]:
    """Return the model's first input as a right request has it."""
    return target.inputs.flat(0)[0]


BROKEN: dict[str, tuple[str, Broken]] = {
    "malformed_json": ("A body that is no JSON", _text(b'{"inputs":[')),
    "an_empty_body": ("An empty body", _text(b"")),
    "a_body_that_is_an_array": ("A body that is an array", lambda target: json.dumps(target.inputs.flat(0)).encode()),
    "no_inputs": ("A request without `inputs`", _text(b'{"id":"1"}')),
    "empty_inputs": ("A request whose `inputs` are empty", _text(b'{"inputs":[]}')),
    "an_unknown_input": ("An input that the model does not have", _changed(name="no_such_input")),
    "a_name_in_other_case": ("An input's name in other case", _name_in_other_case),
    "one_input_too_many": ("An unknown input beside the right ones", _one_input_too_many),
    "one_input_too_few": ("A missing input", _one_input_too_few),
    "an_input_without_name": ("An input without `name`", _changed(name=None)),
    "an_input_without_shape": ("An input without `shape`", _changed(shape=None)),
    "an_input_without_datatype": ("An input without `datatype`", _changed(datatype=None)),
    "an_input_without_data": ("An input without `data`", _changed(data=None)),
    "an_unknown_datatype": ("A datatype that is not in the document's table", _changed(datatype="FP33")),
    "a_datatype_in_lower_case": ("A datatype in lower case", _lower_case),
    "another_datatype": ("Strings where the model takes numbers, or numbers for strings", _another_datatype),
    "strings_in_a_numeric_tensor": ("Data that is not of the datatype that it says", _strings_for_numbers),
    "a_shape_larger_than_data": ("A shape with more elements than data has", _last_axis_longer(1)),
    "a_shape_smaller_than_data": ("A shape with fewer elements than data has", _data_changed(lambda data: data * 2)),
    "a_shape_with_another_rank": ("A shape of one more axis", _shape_changed(lambda shape: [1, *shape])),
    "a_negative_shape": ("A shape with a negative axis", _shape_changed(lambda shape: [-1, *shape[1:]])),
    "a_shape_of_fractions": ("A shape that is not of whole numbers", _last_axis_longer(0.5)),
    "data_that_is_an_object": ("Data that is an object", _data_changed(lambda _data: {"0": 1})),
    "an_unknown_output": ("An output that the model does not have", _more(outputs=[{"name": "no_such_output"}])),
    "an_id_that_is_no_string": ("An `id` that is no string", _more(id=7)),
    "parameters_that_are_no_object": ("`parameters` that are no object", _more(parameters=[])),
}  # fmt: skip
# What the contract refuses beyond the document's own words.
STRICTER: dict[str, Broken] = {
    "a body that is null": _text(b"null"),
    "a body that is a string": _text(b'"inputs"'),
    "a body of another language": _text(b"<inputs/>"),
    "a body that is no text": _text(b"\x00\x01"),
    "bytes that are no UTF-8": _text(b'{"id":"\xff"}'),
    "deep nesting": _text(b'{"inputs":' + b"[" * DEEP),
    "deep nesting in data": _text(b'{"inputs":[{"name":"x","shape":[1,1],"datatype":"FP64","data":' + b"[" * DEEP),
    "inputs that are null": _text(b'{"inputs":null}'),
    "inputs that are an object": _text(b'{"inputs":{}}'),
    "an input that is null": _text(b'{"inputs":[null]}'),
    "the input twice": _input_twice,
    "the document's own example of BOOL": _changed(datatype="BOOL", shape=[3], data=[True]),
    "a datatype without bytes in JSON": _changed(datatype="BF16"),
    "no rows": _shape_and_data(lambda shape, _: ([0, *shape[1:]], [])),
    "no batch": _shape_changed(lambda shape: shape[1:]),
    "a shape of strings": _shape_changed(lambda shape: [str(size) for size in shape]),
    "a shape of very many rows": _shape_changed(lambda shape: [2**62, *shape[1:]]),
    "a shape beyond 64 bits": _shape_changed(lambda shape: [2**70, *shape[1:]]),
    "a shape of many axes": _shape_changed(lambda shape: [1] * 40 + shape),
    "ragged data": _shape_and_data(lambda shape, data: ([2, *shape[1:]], [data, data[1:]])),
    "data nested otherwise": _shape_and_data(
        lambda shape, data: ([2, *shape[1:]], [[[value, value]] for value in data])
    ),
    "data that is null": _text(b'{"inputs":[{"name":"features","shape":[1,1],"datatype":"FP64","data":null}]}'),
    "data that is a string": _data_changed(lambda _: "1,2"),
    "data that is a number": _data_changed(lambda _: 5),
    "data of booleans": _data_changed(lambda data: [True] * len(data)),
    "a size of bytes without bytes": _changed(data=None, parameters={"binary_data_size": 8}),
    "a timeout that is no number": _more(parameters={"timeout": "1"}),
    "a timeout of zero": _more(parameters={"timeout": 0}),
    "a negative timeout": _more(parameters={"timeout": -1}),
    "a binary flag that is no boolean": _more(parameters={"binary_data_output": "yes"}),
    "an output without name": _more(outputs=[{}]),
    "an output that is a string": _more(outputs=["prediction"]),
    "an output twice": lambda target: json.dumps(target.body(outputs=[{"name": target.output_names[0]}] * 2)).encode(),
}
