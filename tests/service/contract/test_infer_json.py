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


def test_answer_says_which_model_answered(client, iris, path):
    answer = answer_of(client.post(path, json=infer_body(iris)))

    metadata = answer_of(client.get(f"/v2/models/{iris.name}"))
    assert answer["model_name"] == iris.name
    assert [answer["model_version"]] == metadata["versions"]
    assert answer["parameters"]["model_digest"] == metadata["properties"]["model_digest"]


def test_answer_says_which_engine_answered(server, engine, iris, path):
    with server.client() as client:
        assert answer_of(client.post(path, json=infer_body(iris)))["parameters"]["engine"] == engine


def test_versioned_path_gives_the_same_answer(client, iris, path):
    version = answer_of(client.post(path, json=infer_body(iris)))["model_version"]

    versioned = client.post(f"/v2/models/{iris.name}/versions/{version}/infer", json=infer_body(iris))

    assert answer_of(versioned) == answer_of(client.post(path, json=infer_body(iris)))


def test_flat_and_nested_data_give_the_same_answer(client, iris, path):
    tensor = {"name": "features", "datatype": "FP64", "shape": [3, 4]}
    flat = {"inputs": [tensor | {"data": [value for row in iris.rows[:3] for value in row]}]}
    nested = {"inputs": [tensor | {"data": iris.rows[:3]}]}

    assert answer_of(client.post(path, json=flat)) == answer_of(client.post(path, json=nested))


@pytest.mark.parametrize("sent", ["abc", "", "süß ☃", 'quo"te', "x" * 5000])
def test_id_comes_back_when_sent(client, iris, path, sent):
    assert answer_of(client.post(path, json=infer_body(iris, id=sent)))["id"] == sent


def test_id_is_absent_when_not_sent(client, iris, path):
    assert "id" not in answer_of(client.post(path, json=infer_body(iris)))


@pytest.mark.parametrize("chosen", [["prediction"], ["probability"], ["probability", "prediction"]])
def test_outputs_selects_in_the_order_asked(client, iris, path, chosen):
    body = infer_body(iris, outputs=[{"name": name} for name in chosen])

    assert [output["name"] for output in answer_of(client.post(path, json=body))["outputs"]] == chosen


def test_empty_outputs_means_all(client, iris, path):
    answer = answer_of(client.post(path, json=infer_body(iris, outputs=[])))

    assert [output["name"] for output in answer["outputs"]] == iris.output_names


def test_unknown_fields_and_parameters_are_ignored(client, iris, path):
    body = infer_body(iris, parameters={"priority": 3, "note": "x", "ratio": 0.5, "flag": True}, extra={"a": [1]})

    assert answer_of(client.post(path, json=body))["outputs"]


def test_a_body_without_content_type_is_json(client, iris, path):
    content = client.build_request("POST", path, json=infer_body(iris)).content

    response = client.post(path, content=content)

    assert "content-type" not in response.request.headers
    assert answer_of(response)["outputs"]


def test_outputs_are_in_the_datatypes_of_the_metadata(client, iris, path):
    answer = answer_of(client.post(path, json=infer_body(iris)))

    metadata = answer_of(client.get(f"/v2/models/{iris.name}"))
    assert [(o["name"], o["datatype"]) for o in answer["outputs"]] == [
        (o["name"], o["datatype"]) for o in metadata["outputs"]
    ]
