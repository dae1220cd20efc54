"""The OpenAPI document: it lists every route, its examples run, and what schemathesis makes of it fails nothing."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.service.shapes import answer_of

EXAMPLES = 20
FUZZ_SECONDS = 120
# A schema cannot say that data must fill its shape, so not all that fits the schema is accepted.
UNFIT_CHECKS = "positive_data_acceptance"
MODELS = ("iris-classifier", "word-classifier", "two-targets", "churn-classifier", "slow")


def test_the_document_lists_every_route(client):
    paths = answer_of(client.get("/openapi.json"))["paths"]

    assert {"/predict", "/predict/batch", "/health", "/metrics", "/v2", "/v2/", "/feedback"} <= set(paths)
    assert {f"/v2/models/{{model}}{end}" for end in ("", "/infer", "/ready", "/stats")} <= set(paths)
    assert {f"/v2/repository/{end}" for end in ("index", "models/{model}/load", "models/{model}/unload")} <= set(paths)


@pytest.mark.parametrize("name", MODELS)
def test_every_example_runs(serve, name):
    with serve(name).client() as client:
        for path, operations in client.get("/openapi.json").json()["paths"].items():
            example = _example(operations.get("post", {}))
            if example is not None and "repository/models" not in path:
                at = path.replace("{model}", name).replace("{version}", "0")
                answer_of(client.post(at, json=example), 202 if path == "/feedback" else 200)


def test_every_error_is_described_by_the_one_shape(client):
    document = answer_of(client.get("/openapi.json"))

    responses = document["paths"]["/predict"]["post"]["responses"]
    assert {"400", "404", "408", "413", "415", "422", "429", "500", "503", "504"} <= set(responses)
    assert document["components"]["schemas"]["Error"]["required"] == ["error"]


def test_schemathesis_finds_no_answer_that_breaks_the_document(url):
    program = Path(sys.executable).with_name("schemathesis")
    command = [program, "run", f"{url}/openapi.json", "--max-examples", str(EXAMPLES), "--generation-deterministic"]

    run = subprocess.run(
        [*command, "--exclude-checks", UNFIT_CHECKS, "--request-timeout", "10", "--no-color"],
        capture_output=True,
        text=True,
        timeout=FUZZ_SECONDS,
        check=False,
    )

    assert run.returncode == 0, run.stdout + run.stderr


def _example(operation):
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    return content.get("example", next(iter(content.get("examples", {}).values()), {}).get("value"))
