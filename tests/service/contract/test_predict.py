"""`/predict` and `/predict/batch` over a matrix of numbers."""

import pytest

from tests.service.shapes import answer_of, error_of


def test_predict_answers_what_scikit_learn_answers(client, iris):
    answers = [answer_of(client.post("/predict", json={"features": row})) for row in iris.rows]

    assert [answer["prediction"] for answer in answers] == iris.predictions
    for answer, expected in zip(answers, iris.probabilities, strict=True):
        assert answer["probability"] == pytest.approx(expected, abs=1e-5)
        assert list(answer) == ["prediction", "probability"]


def test_batch_answers_every_row_in_order(client, iris):
    answer = answer_of(client.post("/predict/batch", json={"inputs": iris.rows}))

    assert list(answer) == ["predictions", "probabilities"]
    assert answer["predictions"] == iris.predictions
    for found, expected in zip(answer["probabilities"], iris.probabilities, strict=True):
        assert found == pytest.approx(expected, abs=1e-5)


def test_numbers_are_the_shortest_decimals_of_their_type(client, iris):
    text = client.post("/predict/batch", json={"inputs": iris.rows}).text

    longest = max(len(number) for number in text.replace("[", ",").replace("]", ",").split(",") if "." in number)
    assert longest <= len("0.0123456789")


def test_the_message_says_what_was_expected(client):
    message = error_of(client.post("/predict", json={"features": [1, 2, 3]}), 422)

    assert "3" in message and "4" in message


def test_a_number_beyond_the_models_float32_is_refused(client):
    error_of(client.post("/predict", json={"features": [1, 2, 3, 1e39]}), 422)
