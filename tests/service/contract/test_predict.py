"""`/predict` and `/predict/batch` over a matrix of numbers."""

import json

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


def test_integers_are_fine_where_floats_are_expected(client, iris):
    assert answer_of(client.post("/predict", json={"features": [5, 3, 1, 0]}))["prediction"] == 0


def test_predict_answers_carry_the_model_in_headers(client, iris):
    for path, body in (("/predict", {"features": iris.rows[0]}), ("/predict/batch", {"inputs": iris.rows[:2]})):
        headers = client.post(path, json=body).headers

        assert headers["model-name"] == iris.name
        assert headers["model-version"]
        assert len(bytes.fromhex(headers["model-digest"])) == 32


def test_a_body_without_content_type_is_json(client, iris):
    body = json.dumps({"features": iris.rows[0]}).encode()

    response = client.post("/predict", content=body)

    assert "content-type" not in response.request.headers
    assert answer_of(response)["prediction"] == iris.predictions[0]


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=utf-8", "APPLICATION/JSON", "application/ld+json"]
)
def test_json_may_be_declared_in_every_spelling(client, iris, content_type):
    body = json.dumps({"features": iris.rows[0]}).encode()

    assert answer_of(client.post("/predict", content=body, headers={"content-type": content_type}))


@pytest.mark.parametrize(
    "features",
    [
        [1, 2, 3],
        [1, 2, 3, 4, 5],
        [],
        [[1, 2, 3, 4]],
        ["1", "2", "3", "4"],
        [1, 2, 3, None],
        [1, 2, 3, True],
        [1, 2, 3, 1e39],
        "1,2,3,4",
        None,
        7,
        {"sepal length": 1},
        {},
    ],
    ids=repr,
)
def test_values_that_do_not_fit_the_model_answer_422(client, features):
    error_of(client.post("/predict", json={"features": features}), 422)


@pytest.mark.parametrize(
    "body", [{}, [], "text", 7, None, {"feature": [1, 2, 3, 4]}, {"inputs": [[1, 2, 3, 4]]}], ids=repr
)
def test_json_of_another_shape_answers_422(client, body):
    error_of(client.post("/predict", content=json.dumps(body)), 422)


@pytest.mark.parametrize(
    "inputs",
    [
        [],
        [[]],
        [[1, 2, 3, 4], [1, 2, 3]],
        [1, 2, 3, 4],
        [[1, 2, 3, "4"]],
        [[1, 2, 3, None]],
        None,
        {},
        [[[1, 2, 3, 4]]],
    ],
    ids=repr,
)
def test_rows_that_do_not_fit_the_model_answer_422(client, inputs):
    error_of(client.post("/predict/batch", json={"inputs": inputs}), 422)


@pytest.mark.parametrize("path", ["/predict", "/predict/batch"])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"{'features':[1]}",
        b'{"features":[1,2,3,NaN]}',
        b'{"features":[1,2,3,Infinity]}',
        b"\xff\xfe",
        b"{}x",
    ],
    ids=repr,
)
def test_malformed_json_answers_400(client, path, body):
    error_of(client.post(path, content=body), 400)


def test_a_number_too_large_for_any_float_is_refused(client):
    refused = client.post("/predict", content=b'{"features":[1,2,3,1e999]}')

    assert refused.status_code in (400, 422)
    error_of(refused, refused.status_code)


def test_deeply_nested_json_is_refused(client):
    for opening in (b"[", b'{"features":'):
        refused = client.post("/predict", content=opening * 100_000)

        assert refused.status_code in (400, 422)
        error_of(refused, refused.status_code)


def test_the_message_says_what_was_expected(client):
    message = error_of(client.post("/predict", json={"features": [1, 2, 3]}), 422)

    assert "3" in message and "4" in message
