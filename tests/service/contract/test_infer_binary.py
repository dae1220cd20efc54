"""The binary tensor extension, as far as this model's own numbers and content types go."""

import json

import numpy as np

from tests.service.shapes import error_of

LENGTH = "inference-header-content-length"


def post(client, iris, rows, content_type):
    tail = np.array(rows, dtype="<f8").tobytes()
    tensor = {"name": "features", "datatype": "FP64", "shape": [len(rows), 4]}
    text = json.dumps({"inputs": [tensor | {"parameters": {"binary_data_size": len(tail)}}]}).encode()
    headers = {LENGTH: str(len(text)), "content-type": content_type}
    return client.post(f"/v2/models/{iris.name}/infer", content=text + tail, headers=headers)


def test_a_number_beyond_the_models_float32_is_refused(client, iris):
    error_of(post(client, iris, [[1.0, 2.0, 1e300, 4.0]], "application/octet-stream"), 400)


def test_a_binary_body_of_another_content_type_answers_415(client, iris):
    error_of(post(client, iris, iris.rows[:1], "text/plain"), 415)
