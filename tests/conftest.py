"""Skips, in this one place: a test that needs a tool is skipped, by name, where the tool is missing.

So is one that takes long, without --long.
"""

import pytest

from tests.tools import find_tool


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="Run what takes long as well.")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("long") and not config.getoption("--long"):
            item.add_marker(pytest.mark.skip(reason="takes long: --long"))
        for marker in item.iter_markers("needs"):
            if find_tool(marker.args[0]) is None:
                item.add_marker(pytest.mark.skip(reason=f"{marker.args[0]} is not installed"))
