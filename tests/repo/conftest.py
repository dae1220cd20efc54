"""The repo tier: what the repository says of itself is true. A test that needs a tool is skipped here, by name."""

import pytest

from tests.repo.tools import find_tool


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs(tool): skipped, with the tool's name, where it is not installed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for marker in item.iter_markers("needs"):
            if find_tool(marker.args[0]) is None:
                item.add_marker(pytest.mark.skip(reason=f"{marker.args[0]} is not installed"))
