"""A look for drift for people: lines, a table of columns, and of accuracy over time."""

from collections.abc import Sequence

from services.prediction_log.drift.judge import Finding
from services.prediction_log.drift.run import Report
from services.prediction_log.drift.truth import Accuracy, Bucket
from services.prediction_log.words import moment, table

HEAD = ("column", "kind", "psi", "statistic", "adjusted p", "rows", "verdict")
TRUTH_HEAD = ("from", "rows", "accuracy")
ERROR_HEAD = ("from", "rows", "mean absolute error", "root mean square error")
VERDICTS = {"drift": "DRIFT", "none": ""}


def lines(report: Report, shown: Sequence[Finding]) -> list[str]:
    """Return a report. shown: the columns of its table."""
    limits = report.limits
    found = [
        f"compared  {report.rows:,} rows of {report.requests:,} requests of {report.model}, "
        f"{moment(report.first)} to {moment(report.last)} UTC",
        f"reference of version {report.version}, digest {report.digest}",
    ]
    found += [f"left out  {count:,} {reason}" for reason, count in report.left_out.items()]
    if report.more:
        found.append("left out  older requests, by --limit")
    found.append(
        f"{'DRIFT' if report.drifted else 'no drift':9} {len(report.drifted)} of {len(report.findings)} columns; "
        f"drift is psi above {limits.max_psi:g} with an adjusted p below {limits.alpha:g}"
    )
    found += ["", *table(HEAD, map(cells, shown))]
    if len(shown) < len(report.findings):
        found.append(f"… and {len(report.findings) - len(shown)} more columns with a smaller psi, or none")
    if report.truth is not None:
        found += ["", *truth(report.truth)]
    return found


def cells(finding: Finding) -> Sequence[str]:
    """Return one column as the cells below HEAD."""
    return (
        finding.column,
        finding.kind,
        _number(finding.psi, ".3f"),
        _number(finding.statistic, ".3g"),
        _number(finding.adjusted_p_value, ".2g"),
        f"{finding.rows:,}",
        VERDICTS.get(finding.verdict, finding.verdict),
    )


def truth(found: Accuracy) -> list[str]:
    """Return what ground truth says."""
    is_number = found.total.mean_absolute_error is not None
    line = f"truth     {found.total.rows:,} rows: {summary(found.total)}"
    result = [line, *(f"left out  {count:,} {reason}" for reason, count in found.left_out.items())]
    if len(found.buckets) > 1:
        result += ["", *table(ERROR_HEAD if is_number else TRUTH_HEAD, map(bucket_cells, found.buckets))]
    if found.confusions:
        pairs = ((pair.truth, pair.predicted, f"{pair.rows:,}") for pair in found.confusions)
        result += ["", *table(("truth", "predicted", "rows"), pairs)]
    return result


def summary(bucket: Bucket) -> str:
    """Return a bucket's accuracy, or errors, as a phrase."""
    if bucket.accuracy is not None:
        return f"accuracy {bucket.accuracy:.3f}"
    if bucket.mean_absolute_error is not None:
        errors = bucket.mean_absolute_error, bucket.root_mean_square_error or 0.0
        return "mean absolute error {:.4g}, root mean square error {:.4g}".format(*errors)
    return "none that could be used"


def bucket_cells(bucket: Bucket) -> Sequence[str]:
    """Return a bucket as the cells below TRUTH_HEAD or ERROR_HEAD."""
    if bucket.accuracy is not None:
        return moment(bucket.start), f"{bucket.rows:,}", f"{bucket.accuracy:.3f}"
    errors = (bucket.mean_absolute_error, bucket.root_mean_square_error)
    return moment(bucket.start), f"{bucket.rows:,}", *(_number(error, ".4g") for error in errors)


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)
