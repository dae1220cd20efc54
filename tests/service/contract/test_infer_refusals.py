"""What the conformance suite cannot know of a refused inference: its words, and what this model refuses."""

from tests.service.shapes import error_of

ROW = [5.1, 3.5, 1.4, 0.2]
GOOD = {"name": "features", "datatype": "FP64", "shape": [1, 4], "data": ROW}


def test_the_message_names_the_input_and_what_the_model_takes(client, iris):
    body = {"inputs": [GOOD | {"name": "nobody"}]}

    message = error_of(client.post(f"/v2/models/{iris.name}/infer", json=body), 400)

    assert "'nobody'" in message and "'features'" in message


def test_a_number_beyond_the_models_float32_is_refused(client, iris):
    tensor = GOOD | {"data": [5.1, 1e39, 1.4, 0.2]}

    error_of(client.post(f"/v2/models/{iris.name}/infer", json={"inputs": [tensor]}), 400)
