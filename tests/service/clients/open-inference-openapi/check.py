"""The generated client against a server: python check.py URL FACTS. Ends with exit code 0 when everything agrees."""

import json
import sys
from pathlib import Path

from open_inference.openapi.client import OpenInferenceClient
from open_inference.openapi.core.api_error import ApiError
from open_inference.openapi.types import InferenceRequest, RequestInput, RequestOutput

TOLERANCE = 1e-5


def main(url, facts):
    name = facts["name"]
    client = OpenInferenceClient(base_url=url)
    client.check_server_liveness()
    client.check_server_readiness()
    client.check_model_readiness(name)
    assert client.read_server_metadata().name
    metadata = client.read_model_metadata(name)
    (version,) = metadata.versions
    client.check_model_version_readiness(name, version)
    assert client.read_model_version_metadata(name, version) == metadata
    agree(client.model_infer(name, request=request(facts)), facts)
    agree(client.model_version_infer(name, version, request=request(facts, id="seven")), facts, expected_id="seven")
    only = client.model_infer(name, request=request(facts, outputs=[RequestOutput(name="prediction")]))
    assert [output.name for output in only.outputs] == ["prediction"]
    refuse(client, facts)


def request(facts, **more):
    rows = facts["rows"]
    data = [value for row in rows for value in row]
    tensor = RequestInput(name="features", shape=[len(rows), len(rows[0])], datatype="FP64", data=data)
    return InferenceRequest(inputs=[tensor], **more)


def agree(answer, facts, expected_id=None):
    assert (answer.model_name, answer.id) == (facts["name"], expected_id)
    assert answer.model_version
    found = {output.name: list(output.data.__root__) for output in answer.outputs}
    assert found["prediction"] == facts["predictions"]
    expected = [value for row in facts["probabilities"] for value in row]
    assert max(abs(a - b) for a, b in zip(found["probability"], expected, strict=True)) <= TOLERANCE


def refuse(client, facts):
    """An error arrives as one of the client's own exceptions, its body checked."""
    try:
        client.model_infer("nobody", request=request(facts))
    except ApiError as error:
        assert error.status_code == 404
    else:
        raise AssertionError("a model that is not there answered")


if __name__ == "__main__":
    main(sys.argv[1], json.loads(Path(sys.argv[2]).read_bytes()))
