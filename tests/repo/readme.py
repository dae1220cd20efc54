"""The commands of the README with what it shows of their output, and a shell that runs them."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import httpx

from tests.service.waiting import until
from tests.tools import ROOT

PORT = "8000"
READY_SECONDS = 60.0
COMMAND_SECONDS = 120.0
# Ids and digests: those of the README stand for those of this run.
ID = re.compile(r"\b(?:[0-9a-f]{64}|[0-9a-f]{32})\b")
ANYTHING = "…"


class Shown(NamedTuple):
    """One command and the output that the README shows."""

    command: str
    output: str


def shown() -> list[Shown]:
    """Return every command of the README's console blocks, in order."""
    text = (ROOT / "README.md").read_text()
    blocks = re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [
        Shown(command.strip(), output)
        for block in blocks
        for command, output in re.findall(r"^\$ ((?:.*\\\n)*.*\n)((?:(?!\$ ).*\n)*)", block, re.MULTILINE)
    ]


class Shell:
    """Runs commands in a folder of its own; `trivet serve` in the background, on another port than the README's."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder = folder
        self._port = str(port)
        self._ids: dict[str, str] = {}
        self._server: subprocess.Popen[bytes] | None = None
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("TRIVET_", "MLFLOW_"))}
        path = f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', os.defpath)}"
        self._environment = {**kept, "PATH": path, "TRIVET_PORT": self._port, "TRIVET_HOST": "127.0.0.1"}

    def run(self, shown: Shown) -> str:
        """Run a command and return its whole output; learn which ids stand for the README's."""
        command = ID.sub(lambda found: self._ids.get(found[0], found[0]), shown.command)
        if command.startswith("trivet serve"):
            self._serve(command)
            return ""
        ran = subprocess.run(
            ["bash", "-c", command.replace(f"localhost:{PORT}", f"127.0.0.1:{self._port}")],
            cwd=self._folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        self._ids |= dict(zip(ID.findall(shown.output), ID.findall(ran.stdout), strict=False))
        return ran.stdout if ran.stdout.endswith("\n") or not ran.stdout else ran.stdout + "\n"

    def stop(self) -> int:
        """End the server as Ctrl-C does, and return its exit code; 0 when none was started."""
        if self._server is None:
            return 0
        self._server.send_signal(signal.SIGINT)
        try:
            return self._server.wait(COMMAND_SECONDS)
        finally:
            self._server.kill()

    def _serve(self, command: str) -> None:
        with (self._folder / "server.log").open("wb") as log:
            self._server = subprocess.Popen(
                ["bash", "-c", f"exec {command}"], cwd=self._folder, env=self._environment, stdout=log, stderr=log
            )
        with httpx.Client(base_url=f"http://127.0.0.1:{self._port}", trust_env=False) as client:
            until(lambda: _is_healthy(client), READY_SECONDS, (self._folder / "server.log").read_text)


def matches(shown: Shown, output: str) -> bool:
    """Whether an output is what the README shows, but for ids, digests and what stands for `…`."""
    pattern = re.escape(ID.sub("ID", shown.output)).replace(re.escape(ANYTHING), r"\S*")
    return re.fullmatch(pattern, ID.sub("ID", output)) is not None


def _is_healthy(client: httpx.Client) -> bool:
    try:
        return client.get("/health").status_code == 200
    except httpx.TransportError:
        return False
