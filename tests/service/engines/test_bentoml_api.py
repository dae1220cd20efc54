"""The BentoML engine's API in BentoML's own style, asked by BentoML's own client."""

import json
import subprocess
import sys
from functools import partial

import numpy as np
import pytest

from tests.service import facts
from tests.service.load import together
from tests.service.metrics import value_of
from tests.service.shapes import answer_of, error_of

pytestmark = pytest.mark.engine("bentoml")

ROUTE = "/bentoml/predict"
NAMED_ROUTE = "/bentoml/predict_named"


def test_bentoml_s_client_gets_every_row_its_own_answer(server, iris):
    answers = _ask(server, iris.rows)

    assert [answer["prediction"] for answer in answers] == iris.predictions
    np.testing.assert_allclose([answer["probability"] for answer in answers], iris.probabilities, atol=1e-6)


def test_one_worker_is_the_process_itself(server):
    assert server.children() == []


def test_concurrent_requests_are_merged_and_answered_apart(start, iris):
    server = start()
    bodies = [json.dumps({"rows": [row]}) for row in iris.rows] * 10
    with server.client(headers={"content-type": "application/json"}) as client:
        answers = together([partial(client.post, ROUTE, content=body) for body in bodies], clients=16)
        runs = value_of(client, "inference_batch_rows_count", model=iris.name)
        rows = value_of(client, "inference_batch_rows_sum", model=iris.name)

    assert [answer.json()[0]["prediction"] for answer in answers] == iris.predictions * 10
    assert rows == len(bodies)
    assert runs < len(bodies)


def test_rows_that_do_not_fit_are_refused_alone(server, iris):
    good, bad = {"rows": [iris.rows[0]]}, {"rows": [[1.0, 2.0]]}
    with server.client() as client:
        answers = together([partial(client.post, ROUTE, json=body) for body in [good, bad] * 30], clients=16)

    assert {answer.status_code for answer in answers[::2]} == {200}
    assert {answer.status_code for answer in answers[1::2]} == {422}
    assert all("the model takes [-1, 4]" in answer.text for answer in answers[1::2])


@pytest.mark.parametrize("rows", [[["a", 1, 1, 1]], [1, 2, 3, 4], [], [[1, 2, 3, None]]])
def test_values_that_do_not_fit_are_refused(server, rows):
    with server.client() as client:
        assert client.post(ROUTE, json={"rows": rows}).status_code == 422


def test_named_columns_are_rows_in_the_order_of_the_signature(serve, models):
    churn = facts.read(models, "churn-classifier")
    names = [spec.name for spec in churn.signature.inputs]
    whole = [row for row in churn.rows if None not in row.values()]
    answers = _ask(serve("churn-classifier"), [[row[name] for name in names] for row in whole])

    expected = [prediction for row, prediction in zip(churn.rows, churn.predictions, strict=True) if row in whole]
    assert [answer["prediction"] for answer in answers] == expected


def test_a_regressor_answers_without_probability(serve, models):
    (answer,) = _ask(serve("price-regressor"), [[2.0, 3.0]])

    assert list(answer) == ["prediction"]


def test_each_of_several_models_is_asked_by_its_name(start, models, iris):
    server = start(model=f"{models / 'iris-classifier'},{models / 'price-regressor'}")
    with server.client() as client:
        answers = {
            name: client.post(NAMED_ROUTE, json={"model": name, "rows": rows})
            for name, rows in [("iris-classifier", iris.rows), ("price-regressor", [[2.0, 3.0]]), ("nobody", [[1.0]])]
        }
        unfit = client.post(NAMED_ROUTE, json={"model": "iris-classifier", "rows": [[1.0]]})
        unnamed = client.post(ROUTE, json={"rows": iris.rows})

    assert [answer["prediction"] for answer in answers["iris-classifier"].json()] == iris.predictions
    assert [list(answer) for answer in answers["price-regressor"].json()] == [["prediction"]]
    assert (answers["nobody"].status_code, unfit.status_code, unnamed.status_code) == (404, 422, 404)
    assert "the model takes [-1, 4]" in unfit.text


def test_the_contract_s_limits_keys_and_metrics_hold(start, iris, tmp_path):
    (tmp_path / "keys").write_text("alice:secret\n")
    server = start(api_keys_file=tmp_path / "keys", max_body_bytes=1024)
    with server.client() as client:
        error_of(client.post(ROUTE, json={"rows": [iris.rows[0]]}), 401)
        error_of(client.get("/schema.json"), 401)
        client.headers["authorization"] = "Bearer secret"
        error_of(client.post(ROUTE, content=b" " * 2000), 413)
        assert client.post(ROUTE, json={"rows": [iris.rows[0]]}).headers["x-request-id"]
        assert value_of(client, "inference_requests_total", route=ROUTE) == 2  # a 401 has no route yet
    assert _ask(server, iris.rows[:1], "secret")[0]["prediction"] == iris.predictions[0]
    assert "the model takes [-1, 4]" in _ask(server, [[1.0]], "secret")["error"]


def test_bentoml_s_probes_say_what_the_contract_s_say(start, tmp_path):
    server = start(model=str(tmp_path / "nothing"), wait="live")

    with server.client() as client:
        assert client.get("/livez").status_code == 200
        assert client.get("/readyz").status_code == 503
        assert answer_of(client.get("/health"), 503) == {"status": "failed"}


def _ask(server, rows, *key):
    command = [sys.executable, "-m", "tests.service.engines.ask_bentoml", server.url, *key]
    asked = subprocess.run(command, input=json.dumps(rows), capture_output=True, text=True, check=False, timeout=60)
    assert asked.returncode == 0, asked.stderr
    return json.loads(asked.stdout)
