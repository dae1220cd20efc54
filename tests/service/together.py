"""Which tests one process runs, where pytest-xdist has several: those that share what takes long to start.

Its own `--dist loadgroup` groups nothing with pytest 9.2 (pytest-dev/pytest-xdist#1386).
"""

import re

from xdist.scheduler import LoadScopeScheduling

# Of these one process runs all that an engine answers, with the servers of that engine that they share.
BY_ENGINE = re.compile(r"tests/service/(contract/|clients/|test_conform\.py).*[\[-](fastapi|bentoml|ray)[\]-]")


def unit_of(test: str) -> str:
    """Name the unit of work that a test belongs to: all that one engine answers, or its file."""
    shared = BY_ENGINE.match(test)
    return shared[2] if shared else test.partition("::")[0]


class Together(LoadScopeScheduling):
    """Hands out whole units, those of the most tests first."""

    def _split_scope(self, nodeid: str) -> str:
        return unit_of(nodeid)
