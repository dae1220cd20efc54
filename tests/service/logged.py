"""A model of scikit-learn's breast cancer data, published with its reference, and clients that ask it."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import numpy as np
import skops.io

from tests.service.server import TRIVET, inherited

NAME = "tumour-classifier"
COMMAND_SECONDS = 300
FITTED, HELD_OUT = 170, 370


class Tumours(NamedTuple):
    """The data set, shuffled: rows that the model is fitted to, rows held out, and the rest, which clients ask for."""

    columns: list[str]
    rows: Any
    target: Any

    @property
    def asked(self) -> Any:
        """The rows that nobody has seen, and what they are."""
        return self.rows[HELD_OUT:], self.target[HELD_OUT:].tolist()


def tumours() -> Tumours:
    """Load the data set."""
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer()
    order = np.random.default_rng(5).permutation(len(data.data))
    return Tumours([str(name) for name in data.feature_names], data.data[order], data.target[order])


def publish(folder: Path, found: Tumours, inverse_regularisation: float = 1.0) -> Path:
    """Fit and publish a model with its reference, and return its folder."""
    import pandas as pd
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    folder.mkdir(parents=True)
    frame = pd.DataFrame(found.rows, columns=found.columns)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=inverse_regularisation, max_iter=1000))
    skops.io.dump(model.fit(frame[:FITTED], found.target[:FITTED]), folder / "model.skops")
    frame[:FITTED].to_csv(folder / "reference.csv", index=False)
    frame[FITTED:HELD_OUT].to_parquet(folder / "held_out.parquet")
    tables = ("--reference", folder / "reference.csv", "--held-out", folder / "held_out.parquet")
    done = trivet(folder, "publish", folder / "model.skops", "--name", NAME, "--output", folder / "compiled", *tables)
    assert done.returncode == 0, done.stderr
    return folder / "compiled"


def trivet(home: Path, *arguments: object) -> "subprocess.CompletedProcess[str]":
    """Run the command in a folder."""
    command = [str(TRIVET), *map(str, arguments)]
    environment = inherited() | {"TRIVET_HOME": str(home / ".trivet"), "OMP_NUM_THREADS": "1", "LC_ALL": "C.UTF-8"}
    return subprocess.run(
        command, cwd=home, env=environment, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False
    )


def ask(client: httpx.Client, rows: Any, truth: Sequence[int], *, name: str = NAME) -> int:
    """Ask for rows on every route in turn, tell the truth about each request, and return how many there were."""
    starts = list(range(0, len(rows), 5))
    for number, start in enumerate(starts):
        part, known = rows[start : start + 5], list(truth[start : start + 5])
        if number % 3 == 0:
            answer = client.post("/predict/batch", json={"inputs": part.tolist()})
        elif number % 3 == 1:
            answer, known = _infer_binary(client, name, part), [*known[:-1], None]
        else:
            tensor = {"name": "features", "shape": part.shape, "datatype": "FP64", "data": part.ravel().tolist()}
            answer = client.post(f"/v2/models/{name}/infer", json={"inputs": [tensor]})
        _tell(client, answer, known)
    _tell(client, client.post("/predict", json={"features": rows[0].tolist()}), truth[0])
    return len(starts) + 1


def _tell(client: httpx.Client, answer: httpx.Response, truth: object) -> None:
    assert answer.status_code == 200, answer.text
    told = client.post("/feedback", json={"request_id": answer.headers["x-request-id"], "truth": truth})
    assert told.status_code == 202, told.text


def _infer_binary(client: httpx.Client, name: str, rows: Any) -> httpx.Response:
    tail = rows.tobytes()
    tensor = {
        "name": "features",
        "shape": rows.shape,
        "datatype": "FP64",
        "parameters": {"binary_data_size": len(tail)},
    }
    head = json.dumps({"inputs": [tensor]}).encode()
    headers = {"Inference-Header-Content-Length": str(len(head))}
    return client.post(f"/v2/models/{name}/infer", content=head + tail, headers=headers)
