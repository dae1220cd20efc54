"""The commands that pages name: every `make` target exists, explains itself, and is what CI runs."""

import os
import re
import subprocess

import pytest

from tests.repo.texts import PAGES
from tests.tools import ROOT

MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = {target for line in re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE) for target in line.split()}
CI = (ROOT / ".ci" / "run").read_text()


def test_targets_in_pages_exist():
    named = {target for page in PAGES for target in _named(page.read_text())}

    assert named <= TARGETS
    assert named >= {"serve", "test", "lint", "check", "render"}


def test_every_target_has_help():
    explained = set(re.findall(r"^([a-z0-9-]+):.*## \S", MAKEFILE, re.MULTILINE))

    assert explained == TARGETS


@pytest.mark.needs("make")
def test_help_lists_every_target():
    listed = _make("help").stdout.splitlines()

    assert {line.split()[0] for line in listed} == TARGETS
    assert max(len(line) for line in listed) <= 120


@pytest.mark.needs("make")
@pytest.mark.parametrize("target", sorted(TARGETS))
def test_target_can_be_planned(target):
    planned = _make("--dry-run", target)

    assert planned.returncode == 0, planned.stderr


def test_ci_runs_what_the_readme_says():
    run = set(_named(CI))
    readme = set(_named((ROOT / "README.md").read_text()))

    assert "make test" in CI
    assert run <= readme | {"setup"}


def _make(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run make as a person does, also when `make test` runs this."""
    own = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    return subprocess.run(["make", *arguments], cwd=ROOT, env=own, capture_output=True, text=True, check=False)


def _named(text: str) -> list[str]:
    """Return the targets of `make …` in code: a page's quoted commands, a script's lines."""
    return re.findall(r"(?:^|[`$] ?|timed )make ([a-z][a-z0-9-]*)", text, re.MULTILINE)
