"""The helm command line, as its users have it."""

from dataclasses import dataclass
from typing import Any

import yaml

from k8s.helm import CHARTS
from tests.e2e.kube import Namespace, run

# A Ray cluster that is pulled up on a busy machine is the slowest.
WAIT_SECONDS = 240
WAIT = ("--wait", f"--timeout={WAIT_SECONDS}s")


@dataclass(frozen=True)
class Release:
    """A release of one of our charts in a namespace."""

    namespace: Namespace
    name: str
    chart: str

    def apply(self, *files: str, wait: bool = True, **values: Any) -> None:
        """Install or upgrade, with files of helm/values/ and values over them; by default until all is ready."""
        given = [f"--values={CHARTS / 'values' / file}.yaml" for file in files]
        waiting = WAIT if wait else ()
        command = ("upgrade", "--install", self.name, str(CHARTS / self.chart), *given, "--values=-", *waiting)
        self._helm(*command, stdin=yaml.safe_dump(values))

    def rollback(self, *, wait: bool = True) -> None:
        """Go back to the revision before."""
        self._helm("rollback", self.name, *(WAIT if wait else ()))

    def uninstall(self) -> None:
        """Uninstall, until all objects are gone."""
        self._helm("uninstall", self.name, *WAIT)

    def test(self) -> None:
        """Run the chart's own test."""
        self._helm("test", self.name, f"--timeout={WAIT_SECONDS}s")

    def manifest(self) -> str:
        """Return the objects of the newest revision, as they were rendered."""
        return self._helm("get", "manifest", self.name)

    def _helm(self, *arguments: str, stdin: str | None = None) -> str:
        return run("helm", "--namespace", self.namespace.name, *arguments, stdin=stdin, seconds=WAIT_SECONDS + 30)
