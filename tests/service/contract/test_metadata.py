"""What the server and its models say of themselves."""

import json

import pytest

from tests.service.shapes import answer_of, error_of


@pytest.mark.parametrize("path", ["/v2", "/v2/"])
def test_server_metadata_answers_with_and_without_a_slash(client, path):
    response = client.get(path)

    assert response.history == []
    answer = answer_of(response)
    assert sorted(answer) == ["extensions", "name", "version"]
    assert answer["extensions"] == ["binary_tensor_data", "model_repository", "statistics"]
    assert all(isinstance(answer[field], str) and answer[field] for field in ("name", "version"))


def test_model_metadata_describes_its_tensors(client, iris):
    answer = answer_of(client.get(f"/v2/models/{iris.name}"))

    assert answer["name"] == iris.name
    assert answer["platform"] == "onnx_onnxv1"
    assert answer["inputs"] == [{"name": "features", "datatype": "FP64", "shape": [-1, 4]}]
    assert answer["outputs"] == [
        {"name": "prediction", "datatype": "INT64", "shape": [-1]},
        {"name": "probability", "datatype": "FP32", "shape": [-1, 3]},
    ]


def test_model_metadata_lists_one_version_as_a_string(client, iris):
    (version,) = answer_of(client.get(f"/v2/models/{iris.name}"))["versions"]

    assert isinstance(version, str)
    assert answer_of(client.get(f"/v2/models/{iris.name}/versions/{version}"))["versions"] == [version]


def test_properties_are_strings_and_name_the_classes(client, iris):
    properties = answer_of(client.get(f"/v2/models/{iris.name}"))["properties"]

    assert all(isinstance(value, str) for value in properties.values())
    assert json.loads(properties["classes"]) == [0, 1, 2]
    assert len(bytes.fromhex(properties["model_digest"])) == 32


def test_model_ready_answers_its_name(client, iris):
    version = answer_of(client.get(f"/v2/models/{iris.name}"))["versions"][0]

    for path in (f"/v2/models/{iris.name}/ready", f"/v2/models/{iris.name}/versions/{version}/ready"):
        assert answer_of(client.get(path)) == {"name": iris.name, "ready": True}


@pytest.mark.parametrize("path", ["", "/ready", "/stats", "/infer"])
def test_an_unknown_model_answers_404(client, path):
    method = "POST" if path == "/infer" else "GET"

    assert "nobody" in error_of(client.request(method, f"/v2/models/nobody{path}"), 404)


@pytest.mark.parametrize("path", ["", "/ready", "/stats", "/infer"])
@pytest.mark.parametrize("version", ["999", "v10", "a b"])
def test_an_unknown_version_answers_404(client, iris, path, version):
    method = "POST" if path == "/infer" else "GET"

    assert version in error_of(client.request(method, f"/v2/models/{iris.name}/versions/{version}{path}"), 404)


def test_names_are_case_sensitive(client, iris):
    error_of(client.get(f"/v2/models/{iris.name.upper()}"), 404)
    error_of(client.get("/V2/health/live"), 404)


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
