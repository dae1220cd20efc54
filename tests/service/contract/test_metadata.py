"""What the server and its models say of themselves."""

import json

from tests.service.shapes import answer_of


def test_model_metadata_describes_its_tensors(client, iris):
    answer = answer_of(client.get(f"/v2/models/{iris.name}"))

    assert answer["name"] == iris.name
    assert answer["platform"] == "onnx_onnxv1"
    assert answer["inputs"] == [{"name": "features", "datatype": "FP64", "shape": [-1, 4]}]
    assert answer["outputs"] == [
        {"name": "prediction", "datatype": "INT64", "shape": [-1]},
        {"name": "probability", "datatype": "FP32", "shape": [-1, 3]},
    ]


def test_properties_name_the_classes(client, iris):
    properties = answer_of(client.get(f"/v2/models/{iris.name}"))["properties"]

    assert json.loads(properties["classes"]) == [0, 1, 2]


def test_a_regressor_has_no_probability(serve):
    with serve("price-regressor").client() as client:
        outputs = answer_of(client.get("/v2/models/price-regressor"))["outputs"]

    assert [output["name"] for output in outputs] == ["prediction"]


def test_missing_values_are_named_in_the_properties(serve):
    with serve("churn-classifier").client() as client:
        answer = answer_of(client.get("/v2/models/churn-classifier"))

    assert json.loads(answer["properties"]["missing"]) == ["age"]
    assert [(tensor["name"], tensor["datatype"], tensor["shape"]) for tensor in answer["inputs"]] == [
        ("age", "FP64", [-1, 1]),
        ("calls", "INT64", [-1, 1]),
        ("plan", "BYTES", [-1, 1]),
    ]
