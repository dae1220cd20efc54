"""Where this repository is, and the tools that a test may ask for."""

import os
import shutil
from pathlib import Path

ROOT = Path(__file__).parents[1]
# Where tools are besides PATH: `make setup` puts uv into a folder of its own, Debian keeps PostgreSQL's programs apart.
TOOL_FOLDERS = (ROOT / ".uv" / "bin", *sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True))


def find_tool(name: str) -> str | None:
    """Return the path of a tool, or None."""
    folders = os.pathsep.join((os.environ.get("PATH", os.defpath), *map(str, TOOL_FOLDERS)))
    return shutil.which(name, path=folders)
