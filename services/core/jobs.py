"""Requests in the queue of a model, the runs they become, and their own rows again."""

import asyncio
from time import perf_counter
from typing import NamedTuple

import numpy as np

from services.core.errors import RuntimeFailed
from services.core.runtime import Runtime
from services.core.tensors import Array, Tensors


class Outcome(NamedTuple):
    """What a request gets: its own rows, and where its time went."""

    outputs: Tensors
    queue_seconds: float
    compute_seconds: float


class Job:
    """One request in the queue; `taken` of its rows are already in a run."""

    __slots__ = ("compute_seconds", "deadline", "done", "future", "inputs", "queued_at", "rows", "started_at", "taken")

    def __init__(
        self, inputs: Tensors, rows: int, now: float, deadline: float, future: "asyncio.Future[Outcome]"
    ) -> None:
        self.inputs = inputs
        self.rows = rows
        self.queued_at = now
        self.started_at = 0.0
        self.deadline = deadline
        self.future = future
        self.taken = 0
        self.done: list[Tensors] = []
        self.compute_seconds = 0.0

    def answer(self) -> None:
        """Give the request its rows, joined from the parts it ran in."""
        try:
            outputs = self.done[0] if len(self.done) == 1 else _join(self.done)
        except ValueError as error:  # the model gave parts of one request different widths
            self.fail(error)
        else:
            self.future.set_result(Outcome(outputs, self.started_at - self.queued_at, self.compute_seconds))

    def fail(self, cause: Exception) -> None:
        """Tell the request that the model failed on it."""
        failure = RuntimeFailed("the model failed on this request")
        failure.__cause__ = cause
        self.future.set_exception(failure)


class Part(NamedTuple):
    """Rows start..stop of a job."""

    job: Job
    start: int
    stop: int


Batch = list[Part]


class Ran(NamedTuple):
    """A finished run."""

    batch: Batch
    outputs: Tensors | Exception
    seconds: float


def execute(runtime: Runtime, batches: list[Batch]) -> list[Ran]:
    """Run batches, one after the other; a batch that fails runs again, each request by itself."""
    ran: list[Ran] = []
    for batch in batches:
        run = _run(runtime, batch)
        if isinstance(run.outputs, Exception) and len(batch) > 1:
            ran.extend(_run(runtime, [part]) for part in batch)  # one bad request must not fail its neighbours
        else:
            ran.append(run)
    return ran


def _run(runtime: Runtime, batch: Batch) -> Ran:
    outputs: Tensors | Exception
    started = perf_counter()
    try:
        outputs = runtime.predict(_merge(batch))
    except Exception as error:  # a runtime may raise anything; the edge logs it
        outputs = error
    return Ran(batch, outputs, perf_counter() - started)


def rows_of(batch: Batch) -> int:
    """Return the rows of a batch."""
    return sum(part.stop - part.start for part in batch)


def holds(batch: Batch, job: Job) -> bool:
    """Return whether rows of this job are in the batch."""
    return any(part.job is job for part in batch)


def alike(job: Job, other: Job) -> bool:
    """Return whether two jobs can share a run: their tensors agree in all but the first axis."""
    return all(array.shape[1:] == other.inputs[name].shape[1:] for name, array in job.inputs.items())


def _merge(batch: Batch) -> Tensors:
    if len(batch) == 1:
        job, start, stop = batch[0]
        if stop - start == job.rows:
            return job.inputs
        return cut(job.inputs, start, stop)
    return {name: np.concatenate([_rows_in(part, name) for part in batch]) for name in batch[0].job.inputs}


def _rows_in(part: Part, name: str) -> Array:
    job, start, stop = part
    array = job.inputs[name]
    return array if stop - start == job.rows else array[start:stop]


def cut(tensors: Tensors, start: int, stop: int) -> Tensors:
    """Return rows start..stop of each tensor."""
    return {name: array[start:stop] for name, array in tensors.items()}


def _join(parts: list[Tensors]) -> Tensors:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
