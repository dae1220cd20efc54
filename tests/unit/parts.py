"""Signatures, settings and a runtime whose answer tells which row it was asked, for tests of what surrounds a model."""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from services.core.batching import Batcher
from services.core.cost import Cost
from services.core.metrics import Metrics
from services.core.settings import Settings
from services.core.signature import Signature, TensorSpec
from services.core.statistics import Statistics
from services.core.tensors import Tensors

# No test waits so long; a gate that nobody opens must not hang the suite.
GATE_SECONDS = 10.0

# Runs that are expected to take microseconds stay on the event loop; these go to a thread.
QUICK = ((1, 1e-6), (256, 2e-6))
SLOW = ((1, 1e-3), (256, 2e-3))


def matrix(columns: int = 3, datatype: str = "FP64", **options: Any) -> Signature:
    """Return the signature of a model over one matrix."""
    return Signature(
        inputs=(TensorSpec("features", datatype, (-1, columns), **options),),
        outputs=(TensorSpec("prediction", "INT64", (-1,)), TensorSpec("probability", "FP64", (-1, 2))),
    )


def columns(**datatypes: str) -> Signature:
    """Return the signature of a model over named columns."""
    return Signature(
        inputs=tuple(TensorSpec(name, datatype, (-1, 1)) for name, datatype in datatypes.items()),
        outputs=(TensorSpec("prediction", "FP64", (-1,)),),
    )


class EchoRuntime:
    """Answers each row by its first value. `gate` holds its runs back; a row that begins with `fails_on` fails."""

    platform = "echo_numpy"

    def __init__(self, *, fails_on: float | None = None) -> None:
        self.runs: list[list[float]] = []
        self.threads: set[str] = set()
        self.gate = threading.Event()
        self.gate.set()
        self.closed = False
        self._fails_on = fails_on

    def predict(self, inputs: Tensors) -> Tensors:
        assert self.gate.wait(GATE_SECONDS)
        assert not self.closed
        first = inputs["features"][:, 0]
        self.runs.append(first.tolist())
        self.threads.add(threading.current_thread().name)
        if self._fails_on in first:
            raise ValueError("this row fails")
        return {"prediction": first.copy(), "probability": inputs["features"] * 2}

    def close(self) -> None:
        self.closed = True


class ManualClock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def batcher(
    runtime: Any, measured: Any = QUICK, *, batched: bool = True, clock: Any = None, **settings: Any
) -> Batcher:
    """Return a batcher over a runtime, with metrics of its own."""
    options = {} if clock is None else {"clock": clock}
    metrics = Metrics("fastapi").for_model("m")
    return Batcher(runtime, Cost(measured), Settings(**settings), metrics, Statistics(), batched=batched, **options)


def rows(*firsts: float, columns: int = 3) -> Tensors:
    """Return one request; each row is its first value, then that plus one, plus two …"""
    return {"features": np.array(firsts, dtype=np.float64)[:, None] + np.arange(columns)}


async def until(condition: Callable[[], Any], seconds: float = 5.0) -> None:
    """Give the event loop to others until the condition holds; fail when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        await asyncio.sleep(0)


async def turn() -> None:
    """Let the event loop do all that it has to do now."""
    for _ in range(5):
        await asyncio.sleep(0)
