"""The OpenAPI document: it describes errors, and what schemathesis makes of it fails nothing."""

import subprocess
import sys
from pathlib import Path

from tests.service.shapes import answer_of

EXAMPLES = 20
FUZZ_SECONDS = 120
# A schema cannot say that data must fill its shape, so not all that fits the schema is accepted.
UNFIT_CHECKS = "positive_data_acceptance"


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
