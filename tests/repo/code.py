"""The package as text: every module of `services`, parsed once."""

import ast
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from tests.tools import ROOT

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Module:
    """One file of the package. path: from the repository's root."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.path = file.relative_to(ROOT).as_posix()

    def __str__(self) -> str:
        return self.path

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.file.read_text())

    def functions(self) -> Iterator[Function]:
        """Yield every function and method, nested ones too."""
        yield from (node for node in ast.walk(self.tree) if isinstance(node, Function))


MODULES = [Module(file) for file in sorted((ROOT / "services").rglob("*.py"))]
