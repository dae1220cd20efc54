"""The requests of the benchmark: one row of iris each, in every server's form, with the label that is right."""

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from bench.workload import Read, Workload, post

MODEL = "iris-classifier"
BINARY_HEADER = b"inference-header-content-length:"


@cache
def rows_and_labels() -> tuple[list[list[float]], list[int]]:
    """Return the 150 rows of iris, and what the forest predicts for each."""
    from sklearn.datasets import load_iris
    from sklearn.ensemble import RandomForestClassifier

    rows, labels = load_iris(return_X_y=True)
    model = RandomForestClassifier(n_estimators=100, random_state=0).fit(rows, labels)
    return rows.tolist(), model.predict(rows).tolist()


def predict() -> Workload:
    """`{"features":[…]}` → `{"prediction":…}`: the source document's form, and Trivet's and LitServe's."""
    return _workload("/predict", lambda row: {"features": row}, lambda _head, body: json.loads(body)["prediction"])


def invocations() -> Workload:
    """MLflow's own form."""
    return _workload("/invocations", lambda row: {"inputs": [row]}, lambda _head, body: _mlflow_label(body))


def bentoml_document() -> Workload:
    """The source document's form on BentoML: an array of one row, and `{"prediction":[…]}`."""
    return _workload("/predict", _input_array, read_document)


def bentoml_batchable() -> Workload:
    """The same request to a batchable API, which answers the array."""
    return _workload("/predict", _input_array, read_batchable)


def read_document(_head: bytes, body: bytes) -> int:
    """Return the label of the first row that the document's service on BentoML answers."""
    return int(json.loads(body)["prediction"][0])


def read_batchable(_head: bytes, body: bytes) -> int:
    """Return the label of the first row that a batchable API answers."""
    return int(json.loads(body)[0])


def infer() -> Workload:
    """Open Inference Protocol V2 in JSON."""
    return _workload(f"/v2/models/{MODEL}/infer", v2_body, read_v2)


def infer_binary() -> Workload:
    """Open Inference Protocol V2 with the binary extension, in and out."""
    rows, labels = rows_and_labels()
    requests = [binary_request(np.array([row])) for row in rows]
    return Workload(requests, labels, lambda head, body: int(read_binary(head, body)[0]))


def echo() -> Workload:
    """The bodies of `predict`, to be answered as they are."""
    requests = predict().requests
    bodies = [request.partition(b"\r\n\r\n")[2] for request in requests]
    return Workload(requests, bodies, lambda _head, body: body)


def v2_body(row: list[float]) -> dict[str, Any]:
    return {"inputs": [{"name": "features", "shape": [1, len(row)], "datatype": "FP64", "data": row}]}


def read_v2(_head: bytes, body: bytes) -> int:
    """Return the label of the first row: output `prediction` at Trivet, `predict` at MLServer."""
    outputs = {output["name"]: output["data"] for output in json.loads(body)["outputs"]}
    return int(np.ravel(outputs["prediction"] if "prediction" in outputs else outputs["predict"])[0])


def binary_request(rows: "np.ndarray[Any, Any]", datatype: str = "FP64", model: str = MODEL) -> bytes:
    """Return a V2 request whose tensors are binary, and that asks for binary tensors back."""
    data = rows.tobytes()
    tensor: dict[str, Any] = {"name": "features", "shape": list(rows.shape), "datatype": datatype}
    tensor["parameters"] = {"binary_data_size": len(data)}
    header = json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}}).encode()
    return post(
        f"/v2/models/{model}/infer",
        header + data,
        content_type="application/octet-stream",
        headers=f"Inference-Header-Content-Length: {len(header)}\r\n",
    )


def read_binary(head: bytes, body: bytes) -> "np.ndarray[Any, Any]":
    """Return the tensor `prediction` (INT64) of a V2 answer whose tensors are binary."""
    lines = (line.partition(b":") for line in head.lower().split(b"\r\n"))
    header_bytes = next(int(value) for name, _, value in lines if name + b":" == BINARY_HEADER)
    start = header_bytes
    for output in json.loads(body[:header_bytes])["outputs"]:
        end = start + output["parameters"]["binary_data_size"]
        if output["name"] == "prediction":
            return np.frombuffer(body[start:end], dtype="<i8")
        start = end
    raise LookupError("no output is called prediction")


def _input_array(row: list[float]) -> dict[str, Any]:
    return {"input_array": [row]}


def _mlflow_label(body: bytes) -> int:
    return int(json.loads(body)["predictions"][0])


def _workload(path: str, form: Callable[[list[float]], dict[str, Any]], read: Read) -> Workload:
    rows, labels = rows_and_labels()
    return Workload([post(path, json.dumps(form(row), separators=(",", ":")).encode()) for row in rows], labels, read)
