"""Skips, in this one place: a test that needs a tool is skipped, by name, where the tool is missing."""

import pytest

from tests.tools import find_tool


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for marker in item.iter_markers("needs"):
            if find_tool(marker.args[0]) is None:
                item.add_marker(pytest.mark.skip(reason=f"{marker.args[0]} is not installed"))
