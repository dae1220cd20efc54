"""Tensors become answers: the shortest decimals of their own type, no null, the request's id and outputs."""

import json

import numpy as np
import pytest

from services.core.answers import Identity, encode_infer, encode_row, encode_rows, v2_head
from services.core.contract import InferRequest
from services.core.errors import RuntimeFailed

HEAD = v2_head(Identity("iris", "7", "abc", "fastapi"))
OUTPUTS = {
    "prediction": np.array([1, 2]),
    "probability": np.array([[0.43, 0.57], [1e-7, 1.0]], dtype=np.float32),
}


def encoded(outputs: dict[str, np.ndarray], *chosen: tuple[str, bool], **fields: object) -> tuple[bytes, int | None]:
    return encode_infer(HEAD, InferRequest({}, chosen, **fields), outputs)


def test_a_v2_answer_names_the_model_its_digest_and_the_engine():
    body, json_bytes = encoded(OUTPUTS, ("prediction", False), ("probability", False))

    assert json_bytes is None
    assert json.loads(body) == {
        "model_name": "iris",
        "model_version": "7",
        "parameters": {"model_digest": "abc", "engine": "fastapi"},
        "outputs": [
            {"name": "prediction", "datatype": "INT64", "shape": [2], "data": [1, 2]},
            {"name": "probability", "datatype": "FP32", "shape": [2, 2], "data": [0.43, 0.57, 1e-7, 1.0]},
        ],
    }


@pytest.mark.parametrize("given", ["42", "", 'é"\\'])
def test_an_id_comes_back_when_sent(given):
    assert json.loads(encoded(OUTPUTS, id=given)[0])["id"] == given


def test_an_id_is_absent_when_not_sent():
    assert "id" not in json.loads(encoded(OUTPUTS, id=None)[0])


def test_only_the_chosen_outputs_come_back_in_their_order():
    body, _ = encoded(OUTPUTS, ("probability", False))

    assert [output["name"] for output in json.loads(body)["outputs"]] == ["probability"]


def test_binary_outputs_follow_the_json_in_its_order():
    body, json_bytes = encoded(OUTPUTS, ("probability", True), ("prediction", True))

    described = json.loads(body[:json_bytes])["outputs"]
    assert [output["parameters"] for output in described] == [{"binary_data_size": 16}, {"binary_data_size": 16}]
    assert all("data" not in output for output in described)
    assert body[json_bytes:] == OUTPUTS["probability"].tobytes() + OUTPUTS["prediction"].tobytes()


def test_binary_and_json_outputs_mix():
    body, json_bytes = encoded(OUTPUTS, ("prediction", False), ("probability", True))

    prediction, probability = json.loads(body[:json_bytes])["outputs"]
    assert prediction["data"] == [1, 2]
    assert probability["parameters"] == {"binary_data_size": len(body) - json_bytes}


@pytest.mark.parametrize(
    ("dtype", "value", "text"),
    [
        (np.float16, 0.1, "0.099975586"),
        (np.float32, 0.43, "0.43"),
        (np.float32, 16777216, "16777216.0"),
        (np.float64, 0.43, "0.43"),
        (np.float64, 0.1 + 0.2, "0.30000000000000004"),
        (np.int64, -(2**63), "-9223372036854775808"),
        (np.uint64, 2**64 - 1, "18446744073709551615"),
        (np.bool_, True, "true"),
        (object, "süß", '"süß"'),
    ],
)
def test_each_type_is_written_in_its_own_shortest_form(dtype, value, text):
    outputs = {"prediction": np.array([value], dtype=dtype)}

    assert encode_row(outputs).decode() == f'{{"prediction":{text}}}'
    assert f'"data":[{text}]' in encoded(outputs, ("prediction", False))[0].decode()


def test_one_row_is_answered_with_a_scalar_and_a_list():
    outputs = {name: array[:1] for name, array in OUTPUTS.items()}

    assert encode_row(outputs) == b'{"prediction":1,"probability":[0.43,0.57]}'


def test_a_regressor_answers_no_probability():
    assert encode_row({"prediction": np.array([1.5])}) == b'{"prediction":1.5}'
    assert encode_rows({"prediction": np.array([1.5, 2.5])}) == b'{"predictions":[1.5,2.5]}'


def test_rows_are_answered_with_lists():
    assert json.loads(encode_rows(OUTPUTS)) == {"predictions": [1, 2], "probabilities": [[0.43, 0.57], [1e-7, 1.0]]}


def test_several_outputs_are_a_list_and_their_probabilities_a_list_of_lists():
    outputs = {
        "prediction": np.array([[0, 1], [1, 1]]),
        "probability_0": np.array([[0.75, 0.25], [0.5, 0.5]]),
        "probability_1": np.array([[0.0, 0.5, 0.5], [1.0, 0.0, 0.0]]),
    }

    assert json.loads(encode_row(outputs)) == {"prediction": [0, 1], "probability": [[0.75, 0.25], [0.0, 0.5, 0.5]]}
    assert json.loads(encode_rows(outputs)) == {
        "predictions": [[0, 1], [1, 1]],
        "probabilities": [[[0.75, 0.25], [0.0, 0.5, 0.5]], [[0.5, 0.5], [1.0, 0.0, 0.0]]],
    }


def test_an_imported_models_first_output_is_its_prediction():
    outputs = {"label": np.array([3]), "scores": np.array([[0.5, 0.5]])}

    assert encode_row(outputs) == b'{"prediction":3}'


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_a_number_that_json_cannot_say_fails_instead_of_becoming_null(value, dtype):
    outputs = {"prediction": np.array([0.5, value], dtype=dtype)}

    with pytest.raises(RuntimeFailed, match="not finite"):
        encode_rows(outputs)
    with pytest.raises(RuntimeFailed, match="not finite"):
        encoded(outputs, ("prediction", False))
    assert encoded(outputs, ("prediction", True))[1] is not None


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_largest_finite_numbers_are_answered(dtype):
    largest = np.finfo(dtype).max

    body = encode_rows({"prediction": np.array([largest, -largest])})

    assert np.array(json.loads(body)["predictions"], dtype=dtype).tolist() == [largest, -largest]


def test_no_answer_holds_null():
    bodies = [encode_rows(OUTPUTS), encode_row(OUTPUTS), encoded(OUTPUTS, ("prediction", False), id="1")[0]]

    assert not any(b"null" in body for body in bodies)


@pytest.mark.parametrize("code", ["b", "h", "i", "l", "q", "B", "H", "I", "L", "Q", "?"])
def test_every_whole_number_type_of_numpy_is_answered(code):
    prediction = np.array([1], dtype=code)

    assert json.loads(encode_row({"prediction": prediction})) == {"prediction": 1}
