"""The binary tensor data extension, in and out."""

import json
import struct

import httpx
import numpy as np
import pytest

from tests.service.shapes import answer_of, error_of, infer_body

LENGTH = "inference-header-content-length"
BINARY = "application/octet-stream"


@pytest.fixture
def path(iris):
    return f"/v2/models/{iris.name}/infer"


def post(client, path, message, tail=b"", **headers):
    """Send JSON and raw tensors; a header that is None is left out."""
    text = json.dumps(message).encode()
    sent = {LENGTH: str(len(text)), "content-type": BINARY, **headers}
    return client.post(
        path, content=text + tail, headers={key: value for key, value in sent.items() if value is not None}
    )


def features(rows, **more):
    tail = np.array(rows, dtype="<f8").tobytes()
    tensor = {"name": "features", "datatype": "FP64", "shape": [len(rows), 4]}
    return tensor | {"parameters": {"binary_data_size": len(tail), **more}}, tail


def binary_outputs(response: httpx.Response) -> tuple[dict, dict[str, bytes]]:
    """Split a binary answer into its JSON and its tensors; every byte belongs to one of them."""
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == BINARY
    size = int(response.headers[LENGTH])
    answer, position, found = json.loads(response.content[:size]), size, {}
    for output in answer["outputs"]:
        if "data" not in output:
            end = position + output["parameters"]["binary_data_size"]
            found[output["name"]], position = response.content[position:end], end
    assert position == len(response.content)
    return answer, found


def test_binary_input_gives_the_answer_of_json(client, iris, path):
    tensor, tail = features(iris.rows[:5])

    binary = answer_of(post(client, path, {"inputs": [tensor]}, tail))

    assert binary == answer_of(client.post(path, json=infer_body(iris, 5)))


def test_binary_needs_no_content_type(client, iris, path):
    tensor, tail = features(iris.rows[:5])

    response = post(client, path, {"inputs": [tensor]}, tail, **{"content-type": None})

    assert "content-type" not in response.request.headers
    assert answer_of(response)


def test_all_outputs_are_binary_when_asked(client, iris, path):
    body = infer_body(iris, 7, parameters={"binary_data_output": True})

    _, found = binary_outputs(client.post(path, json=body))

    assert np.frombuffer(found["prediction"], "<i8").tolist() == iris.predictions[:7]
    probability = np.frombuffer(found["probability"], "<f4").reshape(7, 3)
    assert probability == pytest.approx(np.array(iris.probabilities[:7]), abs=1e-5)


def test_the_flag_of_an_output_wins_over_the_flag_of_all(client, iris, path):
    outputs = [{"name": "probability"}, {"name": "prediction", "parameters": {"binary_data": False}}]
    body = infer_body(iris, 2, parameters={"binary_data_output": True}, outputs=outputs)

    answer, found = binary_outputs(client.post(path, json=body))

    assert list(found) == ["probability"]
    assert answer["outputs"][1]["data"] == iris.predictions[:2]


def test_one_output_is_binary_and_the_other_json(client, iris, path):
    outputs = [{"name": "prediction", "parameters": {"binary_data": True}}, {"name": "probability"}]

    answer, found = binary_outputs(client.post(path, json=infer_body(iris, 2, outputs=outputs, id="seven")))

    assert list(found) == ["prediction"]
    assert "parameters" not in answer["outputs"][1]
    assert answer["id"] == "seven"


def test_a_raw_body_is_one_tensor_and_all_outputs_are_binary(client, iris, path):
    tail = np.array(iris.rows[:3], dtype="<f8").tobytes()

    _, found = binary_outputs(client.post(path, content=tail, headers={LENGTH: "0"}))

    assert np.frombuffer(found["prediction"], "<i8").tolist() == iris.predictions[:3]


def test_strings_are_length_prefixed_in_both_directions(serve, models):
    with serve("word-classifier").client() as client:
        body = {
            "inputs": [{"name": "features", "datatype": "FP64", "shape": [1, 3], "data": [0.0, 9.0, 0.0]}],
            "outputs": [{"name": "prediction", "parameters": {"binary_data": True}}],
        }
        _, found = binary_outputs(client.post("/v2/models/word-classifier/infer", json=body))

    word = "süß".encode()
    assert found["prediction"] == struct.pack("<I", len(word)) + word


@pytest.mark.parametrize("length", ["-1", "ten", "1.0", "", "99999999", "+3", "٣"], ids=ascii)
def test_a_length_that_is_no_length_answers_400(client, iris, path, length):
    tensor, tail = features(iris.rows[:1])

    error_of(post(client, path, {"inputs": [tensor]}, tail, **{LENGTH: length.encode()}), 400)


def test_a_binary_body_without_the_length_answers_400(client, iris, path):
    tensor, tail = features(iris.rows[:1])

    error_of(post(client, path, {"inputs": [tensor]}, tail, **{LENGTH: None}), 400)


SIZES = {
    "larger than the tail": (lambda t: t | {"parameters": {"binary_data_size": 40}}, 32),
    "smaller than the tail": (lambda t: t | {"parameters": {"binary_data_size": 24}, "shape": [1, 3]}, 32),
    "not a multiple": (lambda t: t | {"parameters": {"binary_data_size": 31}}, 31),
    "negative": (lambda t: t | {"parameters": {"binary_data_size": -32}}, 32),
    "a float": (lambda t: t | {"parameters": {"binary_data_size": 32.0}}, 32),
    "a string": (lambda t: t | {"parameters": {"binary_data_size": "32"}}, 32),
    "a boolean": (lambda t: t | {"parameters": {"binary_data_size": True}}, 32),
    "zero": (lambda t: t | {"parameters": {"binary_data_size": 0}, "shape": [0, 4]}, 0),
    "trailing bytes": (lambda t: t, 33),
    "data as well": (lambda t: t | {"data": [1, 2, 3, 4]}, 32),
    "another shape": (lambda t: t | {"shape": [2, 2]}, 32),
}


@pytest.mark.parametrize(("change", "size"), SIZES.values(), ids=SIZES)
def test_sizes_that_do_not_add_up_answer_400(client, iris, path, change, size):
    tensor, _ = features(iris.rows[:1])

    error_of(post(client, path, {"inputs": [change(tensor)]}, b"\0" * size), 400)


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan"), 1e300], ids=str)
def test_what_the_model_cannot_take_answers_400(client, iris, path, value):
    tensor, tail = features([[1.0, 2.0, value, 4.0]])

    error_of(post(client, path, {"inputs": [tensor]}, tail), 400)


def test_a_raw_body_that_is_no_whole_row_answers_400(client, path):
    error_of(client.post(path, content=b"\0" * 33, headers={LENGTH: "0"}), 400)
    error_of(client.post(path, content=b"", headers={LENGTH: "0"}), 400)


def test_a_binary_body_of_another_content_type_answers_415(client, iris, path):
    tensor, tail = features(iris.rows[:1])

    error_of(post(client, path, {"inputs": [tensor]}, tail, **{"content-type": "text/plain"}), 415)
