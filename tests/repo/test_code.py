"""The house style, as far as a program can tell."""

import ast
import re
from collections.abc import Callable, Iterator

from tests.repo.code import MODULES, Function, Module
from tests.repo.texts import TEXTS

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 40
MAX_HANDLER_LINES = 10
# A module of the package may be longer than this only with a reason.
LONG_FILE_LINES = 250
WHY_LONG: dict[str, str] = {"services/core/settings.py": "every setting of a server, each with its text"}
# Words that mean something else here, or nothing: design decisions are easier to follow with one word per idea.
FORBIDDEN_WORDS = {
    "backend", "framework", "checkpoint", "bundle", "artefact", "zoo", "scoring", "scorer", "manager", "audit",
    "microbatch", "microbatching", "deployment", "instance", "throttle", "ratelimit",
}  # fmt: skip
# Bases whose methods are ours; a method of any other base is documented by the library that calls it.
OWN_BASES = {"Struct", "NamedTuple", "Protocol", "Exception", "TrivetError", "LoadFailed", "Retryable"}


def test_no_file_is_longer_than_400_lines():
    assert [file.name for file in TEXTS if file.read_text().count("\n") > MAX_FILE_LINES] == []


def test_only_modules_with_a_reason_are_longer_than_250_lines():
    long = {module.path for module in MODULES if module.file.read_text().count("\n") > LONG_FILE_LINES}

    assert long == WHY_LONG.keys(), "split it, or say in WHY_LONG why it is one piece"


def test_functions_are_short():
    assert _all(lambda module: (node for node in module.functions() if _lines(node) > MAX_FUNCTION_LINES)) == []


def test_handlers_are_short():
    assert len(_all(_handlers)) > 10
    assert _all(lambda module: (node for node in _handlers(module) if _lines_of_body(node) > MAX_HANDLER_LINES)) == []


def test_everything_public_has_a_docstring():
    assert [module.path for module in MODULES if not ast.get_docstring(module.tree)] == []
    assert _all(lambda module: (node for node in _public(module.tree) if not ast.get_docstring(node))) == []


def test_names_use_the_words_of_the_glossary():
    names = {(module.path, name) for module in MODULES for name in _defined(module)}

    assert {(path, name) for path, name in names if FORBIDDEN_WORDS & set(_words(name))} == set()


def test_words_of_a_name_are_told_apart():
    assert _words("ModelBackend_store2") == ["model", "backend", "store"]


def _all(find: Callable[[Module], Iterator[Function | ast.ClassDef]]) -> list[str]:
    return [f"{module.path}:{node.lineno} {node.name}" for module in MODULES for node in find(module)]


def _lines(node: ast.AST) -> int:
    return (getattr(node, "end_lineno", 0) or 0) - getattr(node, "lineno", 0) + 1


def _lines_of_body(node: Function) -> int:
    body = node.body[1:] if ast.get_docstring(node) else node.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1


def _handlers(module: Module) -> Iterator[Function]:
    if "/handlers/" in module.path:
        yield from (node for node in module.functions() if _is_handler(node))


def _is_handler(node: Function) -> bool:
    takes = [argument.arg for argument in node.args.args]
    return isinstance(node, ast.AsyncFunctionDef) and not node.name.startswith("_") and takes == ["exchange"]


def _public(parent: ast.Module | ast.ClassDef) -> Iterator[Function | ast.ClassDef]:
    """Yield public functions and classes, and the public methods that are not another library's."""
    for node in parent.body:
        if not isinstance(node, Function | ast.ClassDef) or node.name.startswith("_"):
            continue
        yield node
        if isinstance(node, ast.ClassDef) and _bases(node) <= OWN_BASES:
            yield from _public(node)


def _bases(node: ast.ClassDef) -> set[str]:
    return {base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "?") for base in node.bases}


def _defined(module: Module) -> Iterator[str]:
    """Yield the names that a module makes up: its own, and of its functions, classes, arguments and variables."""
    yield module.file.stem
    for node in ast.walk(module.tree):
        if isinstance(node, Function | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def _words(name: str) -> list[str]:
    return [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)]
