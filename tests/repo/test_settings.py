"""The settings: documented, and read in one place."""

import ast

from docs import render
from services.core.settings import Settings
from tests.repo.code import MODULES


def test_generated_pages_are_fresh():
    stale = [path.name for path, text in render.pages().items() if not path.is_file() or path.read_text() != text]

    assert not stale, f"stale: run `make render` ({', '.join(stale)})"


def test_every_setting_says_what_it_is():
    said = {name: (field.description or "") for name, field in Settings.model_fields.items()}

    assert [name for name, text in said.items() if not text.endswith(".")] == []


def test_only_settings_read_the_environment():
    readers = {module.path for module in MODULES if any(_reads_environment(node) for node in ast.walk(module.tree))}

    assert readers == {"services/core/settings.py"}


def _reads_environment(node: ast.AST) -> bool:
    names = {"environ", "environb", "getenv", "getenvb"}
    if isinstance(node, ast.Attribute):
        return node.attr in names
    return isinstance(node, ast.ImportFrom) and node.module == "os" and any(name.name in names for name in node.names)
