"""The pages name what exists, and keep to the house style."""

import re
from pathlib import Path

from services.cli.main import VERBS
from services.core.settings import PREFIX, Settings
from tests.repo.test_metrics import CONTRACT, DRIFT
from tests.repo.texts import PAGES
from tests.tools import ROOT

MAX_LINE_CHARACTERS = 120
# The first part of a path in a page: a folder or a file at the root.
TOP = {path.name for path in ROOT.iterdir()}
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def test_paths_in_pages_exist():
    missing = [f"{page.name}: {path}" for page in PAGES for path in _paths(page) if not (ROOT / path).exists()]

    assert missing == []


def test_links_in_pages_lead_somewhere():
    missing = [f"{page.name}: {link}" for page in PAGES for link in _links(page) if not (page.parent / link).exists()]

    assert missing == []


def test_settings_verbs_and_metrics_in_pages_exist():
    text = "".join(page.read_text() for page in PAGES)

    assert set(re.findall(r"\bTRIVET_[A-Z_]+[A-Z]", text)) <= {PREFIX + name.upper() for name in Settings.model_fields}
    assert set(re.findall(r"[`$] ?trivet ([a-z]+)", text)) <= VERBS.keys()
    assert {
        re.sub(r"_(bucket|sum|count)$", "", name) for name in re.findall(r"inference_[a-z_]+[a-z]", text)
    } <= CONTRACT.keys() | DRIFT.keys()


def test_architecture_names_every_folder_of_the_package():
    text = (ROOT / "docs" / "architecture.md").read_text()
    folders = {path.parent for path in (ROOT / "services").glob("*/__init__.py")}

    assert [folder.name for folder in folders if f"services/{folder.name}/" not in text] == []


def test_decisions_are_numbered_without_gaps():
    numbers = [int(path.name[:4]) for path in sorted((ROOT / "docs" / "adr").glob("*.md"))]

    assert numbers == list(range(1, len(numbers) + 1))


def test_prose_is_no_wider_than_120_characters():
    written = [page for page in PAGES if page.name != "benchmarks.md"]  # the benchmark writes its page
    prose = {page: FENCED.sub("", page.read_text()).splitlines() for page in written}
    wide = [(page.name, line) for page, lines in prose.items() for line in lines if len(line) > MAX_LINE_CHARACTERS]

    assert [(name, line) for name, line in wide if not line.startswith("|")] == []


def test_pages_hold_no_badge_and_no_emoji():
    marked = [
        page.name for page in PAGES if re.search(r"[\u2600-\u27bf\U0001f000-\U0001faff]|shields\.io", page.read_text())
    ]

    assert marked == []


def _paths(page: Path) -> list[str]:
    quoted = re.findall(r"`([\w./-]+)`", FENCED.sub("", page.read_text()))
    return [path for path in quoted if "/" in path and path.partition("/")[0] in TOP]


def _links(page: Path) -> list[str]:
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", FENCED.sub("", page.read_text()))
    return [link for link in links if "://" not in link]
