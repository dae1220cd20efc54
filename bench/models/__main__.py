"""`python -m bench.models > docs/models.md`: every estimator, and the runtime that it is served by."""

import importlib.metadata
import math
import sys
import warnings
from typing import Any

import msgspec

from bench.models.estimators import fitted, kind_of, predicting
from services.core.errors import TrivetError
from services.registry.adapter import Adapter
from services.registry.compile import Compiled, compile_estimator
from services.registry.draw import ROWS
from services.registry.parity import PROBABILITY_TOLERANCE, REGRESSION_TOLERANCE
from services.registry.sources import Source

_PACKAGES = ("scikit-learn", "skl2onnx", "onnxruntime", "skops")
# Below this, a difference is the last bits of float64.
_NOTHING = 1e-12


class Entry(msgspec.Struct, frozen=True):
    """One estimator: the runtime it is served by, or why by none."""

    name: str
    kind: str
    runtime: str
    difference: float | None = None
    why: str = ""


def entries(adapter: Adapter) -> list[Entry]:
    """Fit and compile every estimator."""
    return [_entry(name, kind, adapter) for name, kind in sorted(predicting().items())]


def _entry(name: str, kind: Any, adapter: Adapter) -> Entry:
    estimator, example = fitted(name, kind)
    word = kind_of(estimator)
    try:
        compiled = compile_estimator(Source(name, estimator=estimator, example=example), adapter, ())
    except TrivetError as error:
        return Entry(name, word, "refused", why=error.message)
    difference = compiled.parity.largest_difference if compiled.parity else None
    return Entry(name, word, compiled.runtime, difference, _why(compiled))


def _why(compiled: Compiled) -> str:
    """Say why the ONNX runtime was not taken; nothing when it was."""
    reasons = [attempt.reason for attempt in compiled.attempts if attempt.reason]
    return reasons[0] if reasons and compiled.runtime != "onnx" else ""


def page(found: list[Entry]) -> str:
    """Return docs/models.md."""
    counts = {runtime: sum(entry.runtime == runtime for entry in found) for runtime in ("onnx", "sklearn", "refused")}
    versions = ", ".join(f"{package} {importlib.metadata.version(package)}" for package in _PACKAGES)
    lines = [
        "# Models: what becomes of each estimator",
        "",
        "Written by `python -m bench.models > docs/models.md`; do not edit.",
        "",
        "All of scikit-learn that predicts, clusters or finds outliers, fitted with almost its defaults to iris",
        "(classifiers, clusterers, outlier detectors) or diabetes (regressors), and compiled as `trivet publish` does.",
        f"Versions: {versions}.",
        "",
        f"- **onnx** ({counts['onnx']}): served by ONNX Runtime; the graph agrees with the estimator on {ROWS} drawn",
        "  rows, among them neighbours of thresholds, and values far outside the training range.",
        f"- **sklearn** ({counts['sklearn']}): served by scikit-learn itself, from a skops file.",
        f"- **refused** ({counts['refused']}): cannot be served.",
        "",
        f"The difference is the largest one seen: absolute for probabilities (allowed: {PROBABILITY_TOLERANCE:.0e}),",
        f"relative for regressors (allowed: {REGRESSION_TOLERANCE:.0e}). Labels agree on every row. What counts for",
        "your model is the report that `trivet publish` prints.",
        "",
        "| estimator | is a | runtime | largest difference | why not ONNX |",
        "| --- | --- | --- | --- | --- |",
        *(_row(entry) for entry in found),
    ]
    return "\n".join(lines) + "\n"


def _row(entry: Entry) -> str:
    """Return one line; digits that depend on the machine's vector units are rounded to a power of ten."""
    difference = "" if entry.difference is None else _rounded(entry.difference)
    why = entry.why.replace("|", "\\|")
    return f"| {entry.name} | {entry.kind} | {entry.runtime} | {difference} | {why} |"


def _rounded(difference: float) -> str:
    if difference < _NOTHING:
        return f"< {_NOTHING:.0e}"
    return f"< 1e{math.ceil(math.log10(difference)):03d}"


def main() -> None:
    """Print the page."""
    from services.runtimes import sklearn

    with warnings.catch_warnings():
        # Fitted for a moment only, several of them do not converge.
        warnings.simplefilter("ignore")
        sys.stdout.write(page(entries(sklearn)))


if __name__ == "__main__":
    main()
