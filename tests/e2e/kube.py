"""kubectl, which everybody who runs this tier has: objects as dicts, and waiting for them with a deadline."""

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from tests.service.waiting import until

Object = dict[str, Any]
T = TypeVar("T")

# One call; waiting is done in many.
CALL_SECONDS = 60
# Each look is a process of its own, so not more often.
LOOK_SECONDS = 0.5
START_SECONDS = 120


class CommandFailed(Exception):
    """A command's name and what it printed to standard error."""


def run(*command: str, stdin: str | None = None, seconds: float = CALL_SECONDS) -> str:
    """Run a command and return its standard output. Raises CommandFailed."""
    try:
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired as error:
        raise CommandFailed(f"{' '.join(command)}: not within {seconds} s") from error
    if done.returncode:
        raise CommandFailed(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def kubectl(*arguments: str, stdin: str | None = None, seconds: float = CALL_SECONDS) -> str:
    """Run kubectl for what has no namespace."""
    return run("kubectl", *arguments, stdin=stdin, seconds=seconds)


def items(*arguments: str) -> list[Object]:
    """Return a list of objects: items("nodes", "--selector=…")."""
    found: list[Object] = json.loads(kubectl("get", *arguments, "--output=json"))["items"]
    return found


def true(found: Object, condition: str) -> bool:
    """Whether a condition of an object's status is true."""
    return any(
        each["type"] == condition and each["status"] == "True"
        for each in found.get("status", {}).get("conditions") or ()
    )


@dataclass(frozen=True)
class Namespace:
    """A namespace, and kubectl in it."""

    name: str

    def kubectl(self, *arguments: str, stdin: str | None = None, seconds: float = CALL_SECONDS) -> str:
        """Run kubectl in this namespace."""
        return kubectl("--namespace", self.name, *arguments, stdin=stdin, seconds=seconds)

    def get(self, kind: str, name: str) -> Object:
        """Return one object."""
        found: Object = json.loads(self.kubectl("get", kind, name, "--output=json"))
        return found

    def items(self, kinds: str, selector: str = "") -> list[Object]:
        """Return the objects of some kinds: items("pods,services", "app.kubernetes.io/instance=demo")."""
        return items(kinds, f"--namespace={self.name}", f"--selector={selector}")

    def pods(self, release: str) -> list[Object]:
        """Return the pods of a release that are not on their way out."""
        found = self.items("pods", f"app.kubernetes.io/instance={release}")
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def until(self, look: Callable[[], T], what: str, seconds: float = START_SECONDS) -> T:
        """Return the first true thing that look sees; fail when there is none in time."""
        return until(look, seconds, f"{what}, in the namespace {self.name}", LOOK_SECONDS)

    def until_condition(self, kind: str, name: str, condition: str, seconds: float = START_SECONDS) -> None:
        """Wait for a condition of an object to be true; kubectl looks at every change."""
        self.kubectl(
            "wait", f"{kind}/{name}", f"--for=condition={condition}", f"--timeout={seconds}s", seconds=seconds + 5
        )

    def until_rolled_out(self, deployment: str, seconds: float = START_SECONDS) -> None:
        """Wait until a Deployment consists of ready pods of its newest kind only."""
        self.kubectl("rollout", "status", f"deployment/{deployment}", f"--timeout={seconds}s", seconds=seconds + 5)
