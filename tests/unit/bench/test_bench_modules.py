"""Every module of the benchmark can be imported: most of them run only when somebody measures."""

import importlib

import pytest

from tests.tools import ROOT

MODULES = [
    ".".join(file.relative_to(ROOT).with_suffix("").parts)
    for file in sorted((ROOT / "bench").rglob("*.py"))
    if "peers" not in file.parts and file.name != "__main__.py"
]


@pytest.mark.parametrize("name", MODULES)
def test_a_module_can_be_imported(name):
    importlib.import_module(name)
