"""What breaks the protocol answers 400 with a sentence, never 422, 500 or a page of HTML."""

import json

import pytest

from tests.service.shapes import error_of

ROW = [5.1, 3.5, 1.4, 0.2]
GOOD = {"name": "features", "datatype": "FP64", "shape": [1, 4], "data": ROW}

BROKEN = {
    "no inputs": {},
    "inputs is empty": {"inputs": []},
    "inputs is an object": {"inputs": {}},
    "inputs is null": {"inputs": None},
    "input is null": {"inputs": [None]},
    "body is an array": [GOOD],
    "body is null": None,
    "body is a string": "inputs",
    "unknown input": {"inputs": [GOOD | {"name": "nobody"}]},
    "name in capitals": {"inputs": [GOOD | {"name": "FEATURES"}]},
    "one input too many": {"inputs": [GOOD, GOOD | {"name": "nobody"}]},
    "input twice": {"inputs": [GOOD, GOOD]},
    "no name": {"inputs": [{key: GOOD[key] for key in GOOD if key != "name"}]},
    "no shape": {"inputs": [{key: GOOD[key] for key in GOOD if key != "shape"}]},
    "no datatype": {"inputs": [{key: GOOD[key] for key in GOOD if key != "datatype"}]},
    "no data": {"inputs": [{key: GOOD[key] for key in GOOD if key != "data"}]},
    "datatype of another": {"inputs": [GOOD | {"datatype": "FP32"}]},
    "datatype unknown": {"inputs": [GOOD | {"datatype": "FP33"}]},
    "datatype in lower case": {"inputs": [GOOD | {"datatype": "fp64"}]},
    "datatype BF16": {"inputs": [GOOD | {"datatype": "BF16"}]},
    "shape larger than data": {"inputs": [GOOD | {"shape": [2, 4]}]},
    "shape smaller than data": {"inputs": [GOOD | {"shape": [1, 3]}]},
    "shape of another width": {"inputs": [GOOD | {"shape": [1, 5], "data": [1, 2, 3, 4, 5]}]},
    "shape without batch": {"inputs": [GOOD | {"shape": [4]}]},
    "shape with -1": {"inputs": [GOOD | {"shape": [-1, 4]}]},
    "shape of floats": {"inputs": [GOOD | {"shape": [1.5, 4]}]},
    "shape of strings": {"inputs": [GOOD | {"shape": ["1", "4"]}]},
    "shape of no rows": {"inputs": [GOOD | {"shape": [0, 4], "data": []}]},
    "shape of huge rows": {"inputs": [GOOD | {"shape": [2**62, 2**62]}]},
    "shape beyond 64 bits": {"inputs": [GOOD | {"shape": [2**70, 4]}]},
    "shape of many axes": {"inputs": [GOOD | {"shape": [1] * 40 + [4]}]},
    "nested otherwise": {"inputs": [GOOD | {"shape": [2, 4], "data": [ROW[:2]] * 4}]},
    "ragged": {"inputs": [GOOD | {"shape": [2, 4], "data": [ROW, ROW[:3]]}]},
    "data is a string": {"inputs": [GOOD | {"data": "1,2,3,4"}]},
    "data is a number": {"inputs": [GOOD | {"data": 5}]},
    "data is an object": {"inputs": [GOOD | {"data": {}}]},
    "data is null": {"inputs": [GOOD | {"data": None}]},
    "data of strings": {"inputs": [GOOD | {"data": ["5.1", "3.5", "1.4", "0.2"]}]},
    "data of booleans": {"inputs": [GOOD | {"data": [True, False, True, False]}]},
    "data with null": {"inputs": [GOOD | {"data": [5.1, None, 1.4, 0.2]}]},
    "data beyond float32": {"inputs": [GOOD | {"data": [5.1, 1e39, 1.4, 0.2]}]},
    "unknown output": {"inputs": [GOOD], "outputs": [{"name": "nobody"}]},
    "output twice": {"inputs": [GOOD], "outputs": [{"name": "prediction"}, {"name": "prediction"}]},
    "output without name": {"inputs": [GOOD], "outputs": [{}]},
    "output is a string": {"inputs": [GOOD], "outputs": ["prediction"]},
    "id is a number": {"inputs": [GOOD], "id": 7},
    "parameters is a list": {"inputs": [GOOD], "parameters": []},
    "timeout is a string": {"inputs": [GOOD], "parameters": {"timeout": "1"}},
    "timeout is zero": {"inputs": [GOOD], "parameters": {"timeout": 0}},
    "timeout is negative": {"inputs": [GOOD], "parameters": {"timeout": -1}},
    "binary flag is a word": {"inputs": [GOOD], "parameters": {"binary_data_output": "yes"}},
    "binary size without header": {
        "inputs": [{"name": "features", "datatype": "FP64", "shape": [1, 4], "parameters": {"binary_data_size": 32}}]
    },
}


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN)
def test_a_broken_request_answers_400(client, iris, body):
    error_of(client.post(f"/v2/models/{iris.name}/infer", content=json.dumps(body)), 400)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"inputs":[}',
        b"\x00\x01",
        b"\xff",
        b'{"inputs":[{"name":"features","datatype":"FP64","shape":[1,4],"data":[NaN,1,2,3]}]}',
        b'{"inputs":[{"name":"features","datatype":"FP64","shape":[1,4],"data":[Infinity,1,2,3]}]}',
        b'{"inputs":[{"name":"features","datatype":"FP64","shape":[1,4],"data":[1e999,1,2,3]}]}',
        b'{"inputs":[{"name":"features","datatype":"FP64","shape":[1,4],"data":[1,2,3,4}]}',
        b'{"inputs":' + b"[" * 50_000,
        b'{"inputs":[{"name":"features","datatype":"FP64","shape":[1,4],"data":' + b"[" * 50_000,
        b"<inputs/>",
    ],
    ids=lambda body: repr(body[:60] + body[-10:]),
)
def test_malformed_json_answers_400(client, iris, body):
    error_of(client.post(f"/v2/models/{iris.name}/infer", content=body), 400)


def test_the_specifications_own_boolean_example_is_refused(client, iris):
    tensor = {"name": "features", "datatype": "BOOL", "shape": [3], "data": [True]}

    error_of(client.post(f"/v2/models/{iris.name}/infer", json={"inputs": [tensor]}), 400)


def test_the_message_names_the_input_and_what_the_model_takes(client, iris):
    body = {"inputs": [GOOD | {"name": "nobody"}]}

    message = error_of(client.post(f"/v2/models/{iris.name}/infer", json=body), 400)

    assert "'nobody'" in message and "'features'" in message
