"""The source document's service on BentoML, in three forms: `bentoml serve service:Plain`, `:Batchable`, `:Onnx`.

Modernised where its API is gone: what was a runner is the service itself, and types stand where `bentoml.io` stood.
"""

from typing import Any

import bentoml
import numpy as np


@bentoml.service
class Plain:
    """As in the document: one run a request."""

    def __init__(self) -> None:
        self.model = bentoml.sklearn.load_model("iris_classifier:latest")

    @bentoml.api
    def predict(self, input_array: np.ndarray) -> dict[str, Any]:
        prediction = self.model.predict(input_array)
        return {"prediction": prediction.tolist()}


@bentoml.service
class Batchable:
    """With BentoML's adaptive batching, which takes one array and gives one."""

    def __init__(self) -> None:
        self.model = bentoml.sklearn.load_model("iris_classifier:latest")

    @bentoml.api(batchable=True)
    def predict(self, input_array: np.ndarray) -> np.ndarray:
        found: np.ndarray = self.model.predict(input_array)
        return found


@bentoml.service
class Onnx:
    """With adaptive batching, and the forest as ONNX."""

    def __init__(self) -> None:
        import onnxruntime

        path = bentoml.models.get("iris_onnx:latest").path_of("model.onnx")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # the server has one core
        self.session = onnxruntime.InferenceSession(path, options)

    @bentoml.api(batchable=True)
    def predict(self, input_array: np.ndarray) -> np.ndarray:
        (found,) = self.session.run(["label"], {"features": input_array.astype(np.float32)})
        return found
