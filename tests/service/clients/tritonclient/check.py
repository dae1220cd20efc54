"""Triton's client against a server: python check.py URL FACTS. Ends with exit code 0 when everything agrees."""

import json
import sys
from pathlib import Path

import numpy as np
import tritonclient.http as triton

TOLERANCE = 1e-5


def main(url, facts):
    name, rows = facts["name"], np.array(facts["rows"])
    client = triton.InferenceServerClient(url.removeprefix("http://"))
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready(name)
    version = describe(client, name)
    assert client.is_model_ready(name, version)
    for binary_in in (True, False):
        for binary_out in (True, False, None):
            answer = infer(client, name, rows, binary_in, binary_out)
            agree(answer, facts)
    agree(client.infer(name, [tensor(rows, True)], model_version=version, request_id="seven"), facts)
    assert client.infer(name, [tensor(rows, False)], request_id="seven").get_response()["id"] == "seven"
    refuse(client, name, rows)


def describe(client, name):
    """Read every description, and return the version that is served."""
    server = client.get_server_metadata()
    assert {"binary_tensor_data", "model_repository", "statistics"} <= set(server["extensions"])
    metadata = client.get_model_metadata(name)
    assert [tensor["name"] for tensor in metadata["inputs"]] == ["features"]
    (version,) = metadata["versions"]
    assert client.get_model_metadata(name, model_version=version) == metadata
    (entry,) = client.get_model_repository_index()
    assert (entry["name"], entry["version"], entry["state"]) == (name, version, "READY")
    (statistics,) = client.get_inference_statistics(name)["model_stats"]
    assert statistics["name"] == name
    return version


def tensor(rows, binary):
    made = triton.InferInput("features", list(rows.shape), "FP64")
    made.set_data_from_numpy(rows.astype(np.float64), binary_data=binary)
    return made


def infer(client, name, rows, binary_in, binary_out):
    wanted = None
    if binary_out is not None:
        wanted = [
            triton.InferRequestedOutput(output, binary_data=binary_out) for output in ("probability", "prediction")
        ]
    return client.infer(name, [tensor(rows, binary_in)], outputs=wanted, timeout=20_000_000)


def agree(answer, facts):
    assert answer.as_numpy("prediction").tolist() == facts["predictions"]
    assert np.abs(answer.as_numpy("probability") - np.array(facts["probabilities"])).max() <= TOLERANCE


def refuse(client, name, rows):
    """An error arrives as the client's own exception, with the server's sentence."""
    for model, sent, version in ((name, rows[:, :3], ""), ("nobody", rows, ""), (name, rows, "999")):
        try:
            client.infer(model, [tensor(sent, True)], model_version=version)
        except triton.InferenceServerException as error:
            assert error.message()
            assert error.status() in ("400", "404")
        else:
            raise AssertionError(f"{model} {version} answered")


if __name__ == "__main__":
    main(sys.argv[1], json.loads(Path(sys.argv[2]).read_bytes()))
