"""The Open Inference Protocol's inference, as JSON."""

import numpy as np
import pytest

from tests.service.shapes import answer_of, infer_body, outputs_of


@pytest.fixture
def path(iris):
    return f"/v2/models/{iris.name}/infer"


def test_infer_answers_what_scikit_learn_answers(client, iris, path):
    count = len(iris.rows)

    answer = answer_of(client.post(path, json=infer_body(iris, count)))

    outputs = outputs_of(answer)
    assert outputs["prediction"] == iris.predictions
    assert np.reshape(outputs["probability"], (count, -1)) == pytest.approx(np.array(iris.probabilities), abs=1e-5)
    assert [output["shape"] for output in answer["outputs"]] == [[count], [count, 3]]


def test_answer_says_which_engine_answered(server, engine, iris, path):
    with server.client() as client:
        assert answer_of(client.post(path, json=infer_body(iris)))["parameters"]["engine"] == engine
