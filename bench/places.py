"""Where the benchmark keeps what: its results and models (not in git), the peers' environments, the kept results."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).resolve().parent
ROOT = BENCH.parent
PEERS = BENCH / "peers"
RESULTS = BENCH / "results"
KEPT = ROOT / "docs"
TRIVET = "trivet"
# MLServer 1.7.1 does not install on a later one.
NEWEST_PEER_MINOR = 12


def python_of(environment: str) -> Path:
    """Return the interpreter of a peer's environment; of ours for Trivet."""
    return Path(sys.executable) if environment == TRIVET else PEERS / environment / ".venv" / "bin" / "python"


def program_of(environment: str, name: str) -> str:
    """Return the path of a program that an environment installed."""
    return str(python_of(environment).with_name(name))


def models(environment: str) -> Path:
    """Return the folder of an environment's models, made when it is missing."""
    folder = RESULTS / "models" / environment
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def log(name: str) -> Path:
    """Return the file that takes the output of the server with this name."""
    folder = RESULTS / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{re.sub('[^a-z0-9]+', '-', name.lower())}.log"


def sync(environment: str) -> None:
    """Install a peer's locked environment, with this Python, or the newest that all peers take."""
    if environment == TRIVET:
        return
    uv = os.environ.get("UV") or shutil.which("uv")
    if uv is None:
        raise SystemExit("the benchmark needs uv: https://docs.astral.sh/uv/getting-started/installation/")
    python = f"3.{min(sys.version_info.minor, NEWEST_PEER_MINOR)}"
    arguments = ["sync", "--frozen", "--quiet", "--python", python, "--project", str(PEERS / environment)]
    cleaned = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    subprocess.run([uv, *arguments], check=True, env=cleaned)


def fit(environment: str, form: str) -> Path:
    """Fit the forest in an environment and return the folder with it; form: see peers/model.py."""
    folder = models(environment)
    shutil.rmtree(folder)
    folder.mkdir()
    command = [str(python_of(environment)), str(PEERS / "model.py"), form, str(folder)]
    fitted = subprocess.run(command, capture_output=True, text=True, check=False)
    if fitted.returncode:
        raise SystemExit(f"the model could not be fitted in peers/{environment}:\n{fitted.stderr[-2000:]}")
    return folder
