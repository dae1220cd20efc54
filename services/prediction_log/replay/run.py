"""A replay: pages of logged requests, the runs of another version, and the report."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from time import perf_counter

import msgspec
import numpy as np

from services.core.compiled_model import CompiledModel
from services.core.errors import UnfitInput
from services.core.runtime import Runtime
from services.core.signature import Signature
from services.core.tensors import Tensors
from services.prediction_log import logged
from services.prediction_log.logged import Unusable
from services.prediction_log.reader import Logged
from services.prediction_log.replay.compare import Comparison, Differences, Request, WorstRow

FAILED = "requests that this version fails on"
ANSWERED = 200

Progress = Callable[[int, int], None]


class Compute(msgspec.Struct, frozen=True):
    """How long runs took, in seconds; None without any. logged: of the runs that the requests were in when served."""

    runs: int
    p50_seconds: float | None
    p99_seconds: float | None
    row_seconds: float | None
    logged_p50_seconds: float | None
    logged_p99_seconds: float | None


class Report(msgspec.Struct, frozen=True):
    """What a replay found.

    first, last: when the requests were answered. requests: that were read. versions: which version answered how many of
    those compared. left_out: how many requests could not be compared, by reason. more: the limit left older ones out.
    """

    version: str
    digest: str
    first: datetime | None
    last: datetime | None
    requests: int
    compared: int
    versions: dict[str, int]
    left_out: dict[str, int]
    more: bool
    rows: int
    changed: int
    differences: dict[str, Differences]
    compute: Compute
    worst: list[WorstRow]

    @property
    def changed_ratio(self) -> float:
        """The share of the compared rows whose answer changed."""
        return self.changed / self.rows if self.rows else 0.0


class Replay:
    """One version that answers logged requests again.

    max_batch_rows: of one run; a request that alone has more is run as it is. changed_number: the share of its size by
    which a number must differ to count as changed. worst: how many rows to show.
    """

    def __init__(
        self, compiled: CompiledModel, runtime: Runtime, max_batch_rows: int, changed_number: float, worst: int
    ) -> None:
        self._compiled = compiled
        self._signature: Signature = compiled.manifest.signature
        self._runtime = runtime
        self._max_rows = max_batch_rows if self._signature.batched else 1
        names = [spec.name for spec in self._signature.outputs]
        self._comparison = Comparison("prediction" if "prediction" in names else names[0], changed_number, worst)
        self._left_out: Counter[str] = Counter()
        self._versions: Counter[str] = Counter()
        self._runs: list[tuple[int, float]] = []
        self._logged_seconds: list[float] = []
        self._first: datetime | None = None
        self._last: datetime | None = None
        self._requests = 0

    def run(self, pages: Iterable[list[Logged]], progress: Progress) -> None:
        """Replay pages of requests. progress: told the requests and rows after each page."""
        for page in pages:
            self._requests += len(page)
            self._last = self._last or page[0].at
            self._first = page[-1].at
            for batch in _batches(list(self._usable(page)), self._max_rows):
                self._answer(batch)
            progress(self._requests, self._comparison.rows)

    def report(self, *, more: bool) -> Report:
        """Return what was found so far."""
        return Report(
            version=self._compiled.version,
            digest=self._compiled.digest,
            first=self._first,
            last=self._last,
            requests=self._requests,
            compared=self._requests - self._left_out.total(),
            versions=dict(self._versions.most_common()),
            left_out=dict(self._left_out.most_common()),
            more=more,
            rows=self._comparison.rows,
            changed=self._comparison.changed,
            differences=self._comparison.differences(),
            compute=self._compute(),
            worst=self._comparison.worst(),
        )

    def _usable(self, page: list[Logged]) -> Iterator[Request]:
        for row in page:
            try:
                yield self._request(row)
            except Unusable as error:
                self._left_out[error.reason] += 1
            else:
                if row.compute_seconds is not None:
                    self._logged_seconds.append(row.compute_seconds)

    def _request(self, row: Logged) -> Request:
        if row.code != ANSWERED:
            raise Unusable(logged.NOT_ANSWERED)
        inputs, redacted = logged.inputs(row.inputs, self._signature.inputs)
        if redacted:
            raise Unusable(logged.WITHHELD)
        try:
            rows = self._signature.check(inputs)
        except UnfitInput as error:
            raise Unusable(logged.UNFIT) from error
        outputs = logged.outputs(row.outputs, self._signature.outputs)
        if not self._signature.batched:
            outputs = {name: array[np.newaxis] for name, array in outputs.items()}
        if logged.rows_of(outputs) != rows:
            raise Unusable(logged.OTHER_OUTPUTS)
        return Request(row.request_id, row.version or "unknown", inputs, outputs, rows)

    def _answer(self, batch: list[Request]) -> None:
        """Run a batch and compare; one that fails is run again, each request by itself."""
        inputs, rows = _merged(batch), sum(request.rows for request in batch)
        started = perf_counter()
        try:
            answered = self._by_rows(self._runtime.predict(inputs), rows)
        except Exception:  # whatever a runtime raises
            if len(batch) > 1:
                for request in batch:
                    self._answer([request])
            else:
                self._left_out[FAILED] += 1
            return
        self._runs.append((rows, perf_counter() - started))
        self._versions.update(request.version for request in batch)
        self._comparison.add(batch, answered)

    def _by_rows(self, answered: Tensors, rows: int) -> Tensors:
        """Return answers whose first axis are the rows. Raises ValueError for a model that gave another number."""
        if not self._signature.batched:
            return {name: array[np.newaxis] for name, array in answered.items()}
        if any(len(array) != rows for array in answered.values()):
            raise ValueError("an output has another number of rows than the inputs")
        return answered

    def _compute(self) -> Compute:
        rows, seconds = sum(run[0] for run in self._runs), [run[1] for run in self._runs]
        return Compute(
            len(seconds),
            *_quantiles(seconds),
            sum(seconds) / rows if rows else None,
            *_quantiles(self._logged_seconds),
        )


def _quantiles(seconds: Sequence[float]) -> tuple[float | None, float | None]:
    if not seconds:
        return None, None
    p50, p99 = np.quantile(seconds, (0.5, 0.99), method="higher").tolist()
    return p50, p99


def _merged(batch: list[Request]) -> Tensors:
    if len(batch) == 1:
        return batch[0].inputs
    return {name: np.concatenate([request.inputs[name] for request in batch]) for name in batch[0].inputs}


def _batches(requests: list[Request], max_rows: int) -> list[list[Request]]:
    """Return requests that can share a run, in runs of at most so many rows unless one alone has more."""
    alike: dict[object, list[list[Request]]] = {}
    for request in requests:
        shapes = [(name, array.shape[1:]) for part in (request.inputs, request.outputs) for name, array in part.items()]
        runs = alike.setdefault(tuple(sorted(shapes)), [[]])
        if runs[-1] and sum(other.rows for other in runs[-1]) + request.rows > max_rows:
            runs.append([])
        runs[-1].append(request)
    return [run for runs in alike.values() for run in runs]
