"""The command itself: what it says of what is missing."""

import subprocess
import sys

import pytest

SECONDS = 60


@pytest.mark.parametrize(
    ("verb", "package", "extra"),
    [
        (["conform", "http://127.0.0.1:1"], "httpx", "conform"),
        (["train"], "mlflow", "registry"),  # imported once it runs
        (["drift"], "scipy.special", "sklearn"),
    ],
)
def test_a_verb_names_the_extra_that_it_lacks(tmp_path, verb, package, extra):
    program = f"import sys; sys.modules[{package!r}] = None; from services.cli.main import main; main()"
    command = [sys.executable, "-c", program, *verb]

    done = subprocess.run(
        command, capture_output=True, text=True, timeout=SECONDS, check=False, env={"TRIVET_HOME": str(tmp_path)}
    )

    assert done.returncode == 1
    assert done.stderr == f"Error: trivet {verb[0]} needs {package}: install the extra trivet[{extra}]\n"
