"""`python -m docs.render`: writes the pages that are made from code. A test says when one is stale."""

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from pydantic.fields import FieldInfo

from docs import charts, conformance, engines, network, scaling
from services.core.settings import PREFIX, Settings

FOLDER = Path(__file__).parent
WIDTH = 120
MIB, KIB = 1024 * 1024, 1024
BOUNDS = {"ge": "at least {}", "gt": "above {}", "le": "at most {}"}

HEAD = f"""\
# Settings

Written by `make render` from `services/core/settings.py`; change it there.

Each setting is an environment variable. An unknown `{PREFIX}` variable stops the start, with the nearest right name.
`trivet serve` takes `--model`, `--host` and `--port` as well, and they win. A number's name ends in its unit. Lists are
separated by commas. Secrets come from files, except MLflow's own variables, which keep their names.
"""


def settings_page() -> str:
    """Return docs/settings.md: every field of Settings with its variable, default, bounds and docstring."""
    parts = [_setting(name, field) for name, field in Settings.model_fields.items()]
    return "\n".join((HEAD, *parts))


def pages() -> dict[Path, str]:
    """Return what each generated page should hold."""
    return {
        FOLDER / "settings.md": settings_page(),
        FOLDER / "engines.md": engines.page(),
        FOLDER / "conformance.md": conformance.page(),
        FOLDER / "network.md": network.page(),
        FOLDER / "scaling.md": scaling.page(),
        **charts.pages(),
    }


def _setting(name: str, field: FieldInfo) -> str:
    variable = field.validation_alias or PREFIX + name.upper()
    facts = "; ".join((f"Default: {_default(name, field.default)}", *_allowed(field)))
    text = textwrap.fill(" ".join((field.description or "").split()), WIDTH, break_long_words=False)
    return f"## {variable}\n\n{facts}.\n\n{text}\n"


def _default(name: str, value: Any) -> str:
    if value is None:
        return "unset"
    if value in ((), ""):
        return "empty"
    if name.endswith("_bytes") and value:
        return f"`{value}` ({value // MIB} MiB)" if value >= MIB else f"`{value}` ({value // KIB} KiB)"
    return f"`{value}`"


def _allowed(field: FieldInfo) -> Iterator[str]:
    choices = [choice for choice in get_args(field.annotation) if isinstance(choice, str)]
    if choices:
        yield "one of " + ", ".join(f"`{choice}`" for choice in choices)
    for bound in field.metadata:
        for key, words in BOUNDS.items():
            if (limit := getattr(bound, key, None)) is not None:
                yield words.format(limit)


def main() -> None:
    """Write every page."""
    for path, text in pages().items():
        path.write_text(text)


if __name__ == "__main__":
    main()
