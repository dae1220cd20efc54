"""The report as one HTML file, which loads nothing: pictures inside, every name escaped, no script."""

from collections.abc import Iterable, Sequence
from html import escape

from services.core.reference import Categories, Numbers
from services.prediction_log.drift import plot, text
from services.prediction_log.drift.judge import Finding
from services.prediction_log.drift.run import Report, Window
from services.prediction_log.drift.tally import LabelTally, NumberTally
from services.prediction_log.drift.truth import Accuracy
from services.prediction_log.words import moment

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #333; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.2rem; margin-top: 2rem }
table { border-collapse: collapse } th, td { text-align: left; padding: .2rem .8rem .2rem 0 }
td { overflow-wrap: anywhere } .drift { color: #b5532a; font-weight: bold }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(24rem, 1fr)); gap: 1rem }
figure { margin: 0 } figcaption { overflow-wrap: anywhere } svg { width: 100%; height: auto }
"""
# Where a page is kept for others to look at, a browser then loads and runs nothing even if a name got through.
POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def page(report: Report, window: Window, shown: Sequence[Finding]) -> str:
    """Return the page. shown: the columns to show."""
    title = f"Drift: {report.model}, version {report.version}"
    parts = [
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{_safe(title)}</title>',
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}"><style>{STYLE}</style></head><body>',
        f"<h1>{_safe(title)}</h1>",
        *_summary(report),
        "<h2>Columns</h2>",
        *_columns(report, shown),
        '<div class="pictures">',
        *(_picture(finding, window) for finding in shown if finding.psi is not None),
        "</div>",
        *(_truth(report.truth) if report.truth is not None else ()),
        "</body></html>\n",
    ]
    return "\n".join(parts)


def _summary(report: Report) -> Iterable[str]:
    drifted, limits = report.drifted, report.limits
    verdict = f"{len(drifted)} of {len(report.findings)} columns drifted" if drifted else "No drift"
    yield f"<p{_class(bool(drifted))}>{verdict}: {_safe(', '.join(each.column for each in drifted[:8])) or 'none'}.</p>"
    yield f"<p>{report.rows:,} rows of {report.requests:,} requests, {moment(report.first)} to {moment(report.last)}"
    yield f"(UTC), against the reference of the compiled model with the digest <code>{_safe(report.digest)}</code>."
    yield f"Drift is an index above {limits.max_psi:g} whose p-value, adjusted for all columns, is below"
    yield f"{limits.alpha:g}.</p>"
    left_out = {**report.left_out, **({"older requests, by --limit": "some"} if report.more else {})}
    if left_out:
        yield "<h2>Left out</h2>"
        yield from _table(("requests", "why"), ((str(count), reason) for reason, count in left_out.items()))


def _columns(report: Report, shown: Sequence[Finding]) -> Iterable[str]:
    yield from _table(text.HEAD, map(text.cells, shown), [finding.verdict == "drift" for finding in shown])
    if len(shown) < len(report.findings):
        yield f"<p>… and {len(report.findings) - len(shown)} more.</p>"


def _picture(finding: Finding, window: Window) -> str:
    summary, tally = window.pairs(finding.kind)[finding.column]
    if isinstance(summary, Numbers) and isinstance(tally, NumberTally):
        picture = plot.numbers(summary, tally)
    else:
        assert isinstance(summary, Categories)
        assert isinstance(tally, LabelTally)
        picture = plot.labels(summary, tally)
    caption = f"{_safe(finding.column)}, psi {finding.psi:.3f}"
    drifted = finding.verdict == "drift"
    return f"<figure><figcaption{_class(drifted)}>{caption}</figcaption>{picture}</figure>"


def _truth(found: Accuracy) -> Iterable[str]:
    yield "<h2>Ground truth</h2>"
    yield f"<p>{found.total.rows:,} rows with truth: {_safe(text.summary(found.total))}.</p>"
    if found.left_out:
        yield from _table(
            ("truths left out", "why"), ((str(count), reason) for reason, count in found.left_out.items())
        )
    if len(found.buckets) > 1:
        yield plot.truth(found.buckets)
    if found.buckets:
        is_number = found.total.mean_absolute_error is not None
        yield from _table(text.ERROR_HEAD if is_number else text.TRUTH_HEAD, map(text.bucket_cells, found.buckets))
    if found.confusions:
        pairs = ((pair.truth, pair.predicted, f"{pair.rows:,}") for pair in found.confusions)
        yield from _table(("truth", "predicted", "rows"), pairs)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], marked: Sequence[bool] = ()) -> Iterable[str]:
    yield f"<table><tr>{''.join(f'<th>{_safe(cell)}</th>' for cell in head)}</tr>"
    for place, row in enumerate(rows):
        is_marked = place < len(marked) and marked[place]
        yield f"<tr{_class(is_marked)}>{''.join(f'<td>{_safe(cell)}</td>' for cell in row)}</tr>"
    yield "</table>"


def _class(drifted: bool) -> str:
    return ' class="drift"' if drifted else ""


def _safe(value: str) -> str:
    return escape("".join(character if character.isprintable() else "\ufffd" for character in value))
