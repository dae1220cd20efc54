"""The source document's deployment on Ray Serve: `python deployment.py PORT model.pkl`.

Modernised where it does not run: the JSON of a request is awaited, the label is an answer's `prediction`, and of what
Ray takes no longer together, `num_replicas` and `autoscaling_config`, the first is kept.
"""

import pickle
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

import ray
from ray import serve
from starlette.requests import Request


@serve.deployment(num_replicas=2, ray_actor_options={"num_cpus": 1})
class ScalableModel:
    """Batches of at most 32, each of which waits 0.1 s to be full."""

    def __init__(self, path: str) -> None:
        with Path(path).open("rb") as file:
            self.model = pickle.load(file)

    @serve.batch(max_batch_size=32, batch_wait_timeout_s=0.1)
    async def predict_batch(self, requests: list[Request]) -> list[int]:
        features = [(await request.json())["features"] for request in requests]
        labels: list[int] = self.model.predict(features).tolist()
        return labels

    async def __call__(self, request: Request) -> dict[str, Any]:
        return {"prediction": await self.predict_batch(request)}


def main(port: int, path: str) -> None:
    """Serve until SIGTERM, on a Ray of its own, whose folder is gone afterwards."""
    folder = tempfile.mkdtemp(prefix="ray-", dir="/tmp")  # the path of a socket below it may have only 107 bytes
    try:
        ray.init(address="local", num_cpus=2, include_dashboard=False, _temp_dir=folder)
        serve.start(http_options={"host": "127.0.0.1", "port": port})
        serve.run(ScalableModel.bind(path), route_prefix="/predict")
        signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # not before: Ray sets one of its own
        signal.pause()
    finally:
        ray.shutdown()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
