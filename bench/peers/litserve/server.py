"""The forest on LitServe, without its command line, which installs a package when it runs."""

import pickle
import sys
from pathlib import Path
from typing import Any

import litserve
import numpy as np


class Forest(litserve.LitAPI):
    """Takes `{"features":[…]}` and answers the label and the probabilities, from one run over the batch."""

    def setup(self, device: str) -> None:
        with Path(sys.argv[2]).open("rb") as file:
            self.model = pickle.load(file)

    def decode_request(self, request: dict[str, Any]) -> np.ndarray:
        return np.asarray(request["features"], dtype=np.float64)

    def predict(self, x: np.ndarray) -> Any:
        """Run a batch of rows, or, when LitServe does not batch, one row."""
        probabilities = self.model.predict_proba(np.atleast_2d(x))
        labels = self.model.classes_[probabilities.argmax(axis=1)]
        answers = list(zip(labels.tolist(), probabilities.tolist(), strict=True))
        return answers if x.ndim == 2 else answers[0]

    def encode_response(self, output: tuple[int, list[float]]) -> dict[str, Any]:
        return {"prediction": output[0], "probability": output[1]}


if __name__ == "__main__":
    batch_rows = int(sys.argv[3])
    api = Forest(max_batch_size=batch_rows, batch_timeout=0.005 if batch_rows > 1 else 0.0)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=1, fast_queue=True)
    server.run(host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", generate_client_file=False)
