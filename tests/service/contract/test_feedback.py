"""Ground truth for the prediction log."""

import pytest

from tests.service.shapes import answer_of, error_of


def test_feedback_is_accepted(client, iris):
    request_id = client.post("/predict", json={"features": iris.rows[0]}).headers["x-request-id"]

    answer = client.post("/feedback", json={"request_id": request_id, "truth": 0})

    assert answer_of(answer, 202) == {"status": "accepted"}


@pytest.mark.parametrize("truth", [0, 1.5, "setosa", True, [1, 2], {"a": 1}], ids=repr)
def test_truth_has_the_form_of_any_prediction(client, truth):
    answer_of(client.post("/feedback", json={"request_id": "x", "truth": truth}), 202)


def test_feedback_answers_404_where_the_prediction_log_is_off(start):
    with start(database_url="").client() as client:
        assert "TRIVET_DATABASE_URL" in error_of(client.post("/feedback", json={"request_id": "x", "truth": 1}), 404)
