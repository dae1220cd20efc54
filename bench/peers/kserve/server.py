"""The forest on KServe's SDK, as its own scikit-learn server is made, with the tensors described: PORT FILE NAME."""

import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer
from kserve.utils.utils import generate_uuid, get_predict_input


class Forest(Model):
    """Answers the label and the probabilities."""

    def load(self) -> bool:
        with Path(sys.argv[2]).open("rb") as file:
            self.model = pickle.load(file)
        self.ready = True
        return self.ready

    def get_input_types(self) -> list[dict[str, Any]]:
        return [{"name": "features", "datatype": "FP64", "shape": [-1, 4]}]

    def get_output_types(self) -> list[dict[str, Any]]:
        return [
            {"name": "prediction", "datatype": "INT64", "shape": [-1]},
            {"name": "probability", "datatype": "FP64", "shape": [-1, 3]},
        ]

    def predict(self, payload: InferRequest, headers: Any = None, response_headers: Any = None) -> InferResponse:
        """Answer one request; the answer is made as the SDK's own get_predict_response makes it, of two outputs."""
        rows = get_predict_input(payload)
        probability = self.model.predict_proba(rows)
        prediction = self.model.classes_[probability.argmax(axis=1)].astype(np.int64)
        outputs = [
            InferOutput("prediction", list(prediction.shape), "INT64"),
            InferOutput("probability", list(probability.shape), "FP64"),
        ]
        for output, values in zip(outputs, (prediction, probability), strict=True):
            output.set_data_from_numpy(values, binary_data=payload.use_binary_outputs)
        return InferResponse(
            response_id=payload.id or generate_uuid(),
            model_name=self.name,
            infer_outputs=outputs,
            use_binary_outputs=payload.use_binary_outputs,
            requested_outputs=payload.request_outputs,
        )


if __name__ == "__main__":
    forest = Forest(sys.argv[3])
    forest.load()
    server = ModelServer(http_port=int(sys.argv[1]), workers=1, enable_grpc=False, access_log_format=None)
    server.start([forest])
