"""Every text that people wrote here: code, pages and configuration, without locks and generated folders."""

from pathlib import Path

from tests.tools import ROOT

FOLDERS = (".ci", "bench", "docker", "docs", "helm", "k8s", "services", "tests")
SUFFIXES = {".cfg", ".ini", ".json", ".mako", ".md", ".py", ".sh", ".toml", ".tpl", ".txt", ".yaml", ".yml"}
NAMES = {".dockerignore", ".gitignore", "Dockerfile", "Makefile", "install", "run"}
# Not written by people, or not in git.
SKIPPED = {".venv", "__pycache__", "dashboards", "rendered", "results", "schemas", "node_modules"}
GENERATED = {"uv.lock", "benchmarks.json", "conformance.json", "values.schema.json"}


def _texts() -> list[Path]:
    found = [file for file in ROOT.iterdir() if file.is_file()]
    found += [file for folder in FOLDERS for file in (ROOT / folder).rglob("*") if file.is_file()]
    return sorted(
        file
        for file in found
        if (file.suffix in SUFFIXES or file.name in NAMES)
        and file.name not in GENERATED
        and not SKIPPED & set(file.relative_to(ROOT).parts)
    )


TEXTS = _texts()
PAGES = [file for file in TEXTS if file.suffix == ".md"]
