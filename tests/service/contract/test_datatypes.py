"""Models other than the iris example: strings, numbers, several outputs, named columns, missing values."""

import json

import numpy as np
import pytest

from tests.service import facts
from tests.service.shapes import answer_of, error_of, infer_body, outputs_of


@pytest.fixture
def ask(serve, models):
    """A client and the facts of any model: ask("word-classifier")."""
    opened = []

    def client_and_facts(name):
        opened.append(serve(name).client())
        return opened[-1], facts.read(models, name)

    yield client_and_facts
    for client in opened:
        client.close()


@pytest.mark.parametrize("name", ["word-classifier", "price-regressor", "two-targets", "churn-classifier"])
def test_every_route_gives_what_scikit_learn_gives(ask, name):
    client, known = ask(name)
    count = len(known.rows)

    batch = answer_of(client.post("/predict/batch", json={"inputs": known.rows}))
    single = [answer_of(client.post("/predict", json={"features": row})) for row in known.rows]
    infer = outputs_of(answer_of(client.post(f"/v2/models/{name}/infer", json=infer_body(known, count))))

    assert ("probabilities" in batch) == (known.probabilities is not None)
    assert batch["predictions"] == [answer["prediction"] for answer in single]
    assert np.ravel(batch["predictions"]).tolist() == infer["prediction"]
    _assert_like(batch["predictions"], known.predictions)
    if known.probabilities is not None:
        _assert_like(batch["probabilities"], known.probabilities)
        _assert_like([answer["probability"] for answer in single], known.probabilities)
        assert np.ravel(batch["probabilities"]).tolist() == infer["probability"]


def test_string_labels_are_strings(ask):
    client, _ = ask("word-classifier")

    answer = answer_of(client.post("/predict", json={"features": [0.0, 9.0, 0.0]}))

    assert answer["prediction"] == "süß"
    properties = answer_of(client.get("/v2/models/word-classifier"))["properties"]
    assert json.loads(properties["classes"]) == ["nein", "süß", "vielleicht"]


def test_a_regressor_answers_without_probability(ask):
    client, known = ask("price-regressor")

    assert list(answer_of(client.post("/predict", json={"features": known.rows[0]}))) == ["prediction"]
    assert list(answer_of(client.post("/predict/batch", json={"inputs": known.rows}))) == ["predictions"]


def test_two_outputs_are_a_list_of_two(ask):
    client, known = ask("two-targets")

    assert len(answer_of(client.post("/predict", json={"features": known.rows[0]}))["prediction"]) == 2
    answer = answer_of(client.post("/v2/models/two-targets/infer", json=infer_body(known, 3)))
    assert answer["outputs"][0]["shape"] == [3, 2]


def test_null_means_missing_where_the_signature_says_so(ask):
    client, known = ask("churn-classifier")
    (index,) = [number for number, row in enumerate(known.rows) if row["age"] is None][:1]

    answer = answer_of(client.post("/predict", json={"features": known.rows[index]}))

    assert answer["probability"] == pytest.approx(known.probabilities[index], abs=1e-5)


def test_nan_in_a_binary_tensor_means_missing(ask):
    client, known = ask("churn-classifier")
    (index,) = [number for number, row in enumerate(known.rows) if row["age"] is None][:1]
    row = known.rows[index]
    text, tail = _binary(row)

    answer = client.post(
        "/v2/models/churn-classifier/infer",
        content=text + tail,
        headers={"inference-header-content-length": str(len(text))},
    )

    assert outputs_of(answer_of(answer))["probability"] == pytest.approx(known.probabilities[index], abs=1e-5)


@pytest.mark.parametrize(
    "change",
    [
        {"calls": None},
        {"plan": None},
        {"calls": 1.5},
        {"calls": "3"},
        {"calls": True},
        {"calls": 2**70},
        {"plan": 7},
        {"age": "old"},
        {"age": [1]},
        {"extra": 1},
    ],
    ids=repr,
)
def test_columns_that_do_not_fit_answer_422(ask, change):
    client, known = ask("churn-classifier")

    message = error_of(client.post("/predict", json={"features": known.rows[1] | change}), 422)

    assert next(iter(change)) in message


def test_unequal_rows_of_columns_answer_400(ask):
    client, known = ask("churn-classifier")
    body = infer_body(known, 2)
    body["inputs"][0] |= {"shape": [1, 1], "data": [40.0]}

    error_of(client.post("/v2/models/churn-classifier/infer", json=body), 400)


def test_a_matrix_model_takes_named_columns_only_where_names_are_known(ask):
    client, _ = ask("word-classifier")

    error_of(client.post("/predict", json={"features": {"a": 1, "b": 2, "c": 3}}), 422)


def _binary(row):
    plan = row["plan"].encode()
    tails = [
        np.array([np.nan], "<f8").tobytes(),
        np.array([row["calls"]], "<i8").tobytes(),
        len(plan).to_bytes(4, "little") + plan,
    ]
    inputs = [
        {"name": name, "datatype": kind, "shape": [1, 1], "parameters": {"binary_data_size": len(tail)}}
        for name, kind, tail in zip(("age", "calls", "plan"), ("FP64", "INT64", "BYTES"), tails, strict=True)
    ]
    return json.dumps({"inputs": inputs}).encode(), b"".join(tails)


def _assert_like(found, expected):
    if isinstance(np.ravel(expected)[0], np.floating):
        assert np.array(found) == pytest.approx(np.array(expected), rel=1e-4, abs=1e-5)
    else:
        assert found == expected
