"""The README's commands are run for real, in order, and must print what it shows."""

from collections.abc import Iterator

import pytest

from tests.repo import readme
from tests.repo.readme import Shell, Shown
from tests.service.server import free_port
from tests.tools import ROOT

BEFORE_REQUESTS = ("trivet train", "trivet publish", "trivet serve")


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    made = Shell(tmp_path_factory.mktemp("readme"), free_port())
    yield made
    assert made.stop() == 0


@pytest.mark.needs("curl")
def test_commands_print_what_the_readme_shows(shell):
    # The first request stands above the commands that start its server.
    commands = sorted(readme.shown(), key=lambda shown: not shown.command.startswith(BEFORE_REQUESTS))

    for shown in commands:
        output = shell.run(shown)

        assert readme.matches(shown, output), f"$ {shown.command}\n{output}\nthe README shows\n{shown.output}"


def test_every_command_of_the_readme_is_one_that_is_run():
    programs = {shown.command.split()[0] for shown in readme.shown()}

    assert programs == {"trivet", "curl"}
    assert {shown.command.split()[1] for shown in readme.shown() if shown.command.startswith("trivet")} == {
        "train", "publish", "serve", "conform",
    }  # fmt: skip


def test_readme_begins_with_a_sentence_and_a_request():
    text = (ROOT / "README.md").read_text()

    assert text.startswith("# Trivet\n\nTrivet ")
    assert text.index("```console\n$ curl") < text.index("make serve") < text.index("## ")


def test_folder_map_names_every_folder():
    text = (ROOT / "README.md").read_text()
    folders = [path.parent for path in (ROOT / "services").glob("*/__init__.py")]
    folders += [ROOT / name for name in ("bench", "docs", "tests")]

    assert [folder.name for folder in folders if f"\n{folder.relative_to(ROOT).as_posix()}/ " not in text] == []


@pytest.mark.parametrize(
    ("output", "expected"), [("a 1 b\n", True), ("a b\n", False), ("a 1\n", False), ("a 1 b\nc\n", False)]
)
def test_an_output_matches_only_whole(output, expected):
    assert readme.matches(Shown("x", "a … b\n"), output) is expected


def test_ids_differ_between_readme_and_run():
    assert readme.matches(Shown("x", f"run {'0' * 32}\n"), f"run {'a' * 32}\n")
    assert not readme.matches(Shown("x", f"run {'0' * 32}\n"), "run 1\n")
