"""A look for drift: pages of logged requests, counted against the reference, and the report."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

import msgspec
import numpy as np

from services.core import columns
from services.core.columns import Column
from services.core.compiled_model import CompiledModel
from services.core.reference import Reference, Summary
from services.core.tensors import Array, Tensors
from services.prediction_log import logged
from services.prediction_log.drift.judge import Finding, Limits, Pairs, judge
from services.prediction_log.drift.tally import Tally, tally_for
from services.prediction_log.drift.truth import Accuracy, Truths
from services.prediction_log.logged import Unusable
from services.prediction_log.reader import Logged

ANSWERED = 200
OTHER_VERSION = "answers of another version, whose scores say nothing of this one"

Progress = Callable[[int, int], None]
TruthsOf = Callable[[list[str]], Mapping[str, str]]


class Report(msgspec.Struct, frozen=True):
    """What was found.

    first, last: when the requests were answered. requests, rows: that were read, and whose features were compared.
    left_out: requests whose features, or scores, could not be compared, by reason. more: the limit left older ones out.
    """

    model: str
    version: str
    digest: str
    first: datetime | None
    last: datetime | None
    requests: int
    rows: int
    left_out: dict[str, int]
    more: bool
    limits: Limits
    findings: list[Finding]
    truth: Accuracy | None

    @property
    def drifted(self) -> list[Finding]:
        """The columns that drifted."""
        return [finding for finding in self.findings if finding.verdict == "drift"]


class Window:
    """Logged requests against the reference of a compiled model."""

    def __init__(self, compiled: CompiledModel, reference: Reference) -> None:
        signature = compiled.manifest.signature
        self.compiled = compiled
        self._signature = signature
        self._features = _tallied(columns.features(signature), reference.features)
        self._scores = _tallied(columns.scores(signature), reference.scores)
        names = [spec.name for spec in signature.outputs]
        self._prediction = signature.outputs[names.index("prediction") if "prediction" in names else 0]
        self._truths = Truths(self._prediction)
        self._left_out: Counter[str] = Counter()
        self._first: datetime | None = None
        self._last: datetime | None = None
        self._requests = 0
        self._rows = 0

    def read(self, pages: Iterable[list[Logged]], truths_of: TruthsOf, progress: Progress) -> None:
        """Count pages of requests. truths_of: what was told about request ids. progress: told requests and rows."""
        for page in pages:
            self._requests += len(page)
            self._last = self._last or page[0].at
            self._first = page[-1].at
            truths = truths_of([row.request_id for row in page])
            for row in page:
                self._count(row, truths.get(row.request_id))
            progress(self._requests, self._rows)

    def report(self, model: str, limits: Limits, *, more: bool) -> Report:
        """Judge what was counted."""
        return Report(
            model=model,
            version=self.compiled.version,
            digest=self.compiled.digest,
            first=self._first,
            last=self._last,
            requests=self._requests,
            rows=self._rows,
            left_out=dict(self._left_out.most_common()),
            more=more,
            limits=limits,
            findings=judge(self.pairs("feature"), self.pairs("score"), limits),
            truth=self._truths.accuracy(),
        )

    def pairs(self, kind: str) -> Pairs:
        """Return reference and window of each feature, or score."""
        tallied = self._features if kind == "feature" else self._scores
        return {column.name: (summary, tally) for column, summary, tally in tallied}

    def _count(self, row: Logged, truth: str | None) -> None:
        predicted = None
        try:
            if row.code != ANSWERED:
                raise Unusable(logged.NOT_ANSWERED)
            self._count_inputs(row)
            predicted = self._count_outputs(row)
        except Unusable as error:
            self._left_out[error.reason] += 1
        if truth is not None:
            self._truths.add(row.at, row.request_id, predicted, truth)

    def _count_inputs(self, row: Logged) -> None:
        inputs, redacted = logged.inputs(row.inputs, self._signature.inputs)
        if redacted:
            self._left_out[logged.WITHHELD] += 1
        if not inputs:
            return
        rows = logged.rows_of(inputs)
        _add(self._features, inputs)
        self._rows += rows

    def _count_outputs(self, row: Logged) -> Array | None:
        """Count the scores of this version's answer, and return its prediction where it has one for each row."""
        if row.digest != self.compiled.digest:
            raise Unusable(OTHER_VERSION)
        outputs = logged.outputs(row.outputs, self._signature.outputs)
        logged.rows_of(outputs)
        _add(self._scores, outputs)
        predicted = outputs.get(self._prediction.name)
        if predicted is None or (predicted.dtype.kind == "f" and not np.isfinite(predicted).all()):
            return None
        return predicted


Tallied = list[tuple[Column, Summary, Tally]]


def _tallied(found: tuple[Column, ...], summaries: Mapping[str, Summary]) -> Tallied:
    known = [column for column in found if column.name in summaries]
    return [(column, summaries[column.name], tally_for(summaries[column.name])) for column in known]


def _add(tallied: Tallied, tensors: Tensors) -> None:
    for column, _, tally in tallied:
        if column.tensor in tensors:
            tally.add(column.values(tensors))
