"""A container as the cluster runs one: nothing but /tmp is writable, and no capability is left."""

import json
import subprocess
from typing import Any

import httpx

from tests.service.waiting import until

READY_SECONDS = 120.0
STOP_SECONDS = 60
RESTRICTED = ("--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "--security-opt=no-new-privileges")


def docker(*arguments: str) -> str:
    """Return what a command prints; fail with what it said."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def inspect(name: str) -> dict[str, Any]:
    """Return everything that Docker knows of an image or a container."""
    (found,) = json.loads(docker("inspect", name))
    return dict(found)


class Container:
    """One that runs in the background, with its port on this machine."""

    def __init__(self, image: str, port: int, *options: str) -> None:
        self.id = docker("run", "--detach", *RESTRICTED, f"--publish=127.0.0.1::{port}", *options, image)
        self.url = f"http://{docker('port', self.id, str(port)).splitlines()[0]}"

    def wait_until_ready(self) -> None:
        """Return once `/health` says so."""
        with httpx.Client(base_url=self.url, trust_env=False) as client:
            until(lambda: self._is_ready(client), READY_SECONDS, lambda: f"{self.url} is ready\n{self.logs()}")

    def logs(self) -> str:
        """Return what it printed."""
        done = subprocess.run(["docker", "logs", self.id], capture_output=True, text=True, check=True)
        return done.stdout + done.stderr

    def stop(self) -> int:
        """Send SIGTERM, as the kubelet does, and return the exit code."""
        docker("stop", f"--time={STOP_SECONDS}", self.id)
        return int(inspect(self.id)["State"]["ExitCode"])

    def remove(self) -> None:
        docker("rm", "--force", "--volumes", self.id)

    def _is_ready(self, client: httpx.Client) -> bool:
        assert inspect(self.id)["State"]["Running"], self.logs()
        try:
            return client.get("/health").status_code == 200
        except httpx.TransportError:
            return False
