"""Pictures as SVG files: one look for all, and the same file for the same numbers."""

import warnings
from io import StringIO
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure

# Text stays text, which every viewer sets in a font of its own; ids do not change from run to run.
LOOK: Any = {"svg.hashsalt": "trivet", "svg.fonttype": "none", "font.size": 9}
BLUE, RUST, GREY, BLACK = "#0b6e99", "#b5532a", "#8a949b", "#333333"


def figure(width_inches: float, height_inches: float) -> Figure:
    """Return an empty picture, to draw into and to `save`."""
    with rc_context(LOOK):
        return Figure(figsize=(width_inches, height_inches), layout="constrained")


def tidy(axes: Any) -> None:
    """Give axes a light grid behind what is drawn."""
    axes.grid(alpha=0.3)
    axes.set_axisbelow(True)


def save(picture: Figure, path: Path) -> None:
    """Write a picture. Raises OSError."""
    with rc_context(LOOK):
        picture.savefig(path, format="svg", metadata={"Date": None, "Creator": None})


def inline(picture: Figure) -> str:
    """Return a picture as an element of an HTML page."""
    text = StringIO()
    with rc_context(LOOK), warnings.catch_warnings():
        # Of glyphs that its font lacks: the text stays text, for the viewer's fonts.
        warnings.filterwarnings("ignore", message=r"Glyph \d+ .*missing from font")
        picture.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    found = text.getvalue()
    return found[found.index("<svg") :]
