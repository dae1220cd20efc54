"""Requests of one row to 100,000: what the server adds to the runtime's own time, and what others notice of it."""

import json
import multiprocessing
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from bench import closed_loop, iris, machine, places, trivet
from bench.http1 import connect, exchange
from bench.options import Options
from bench.process import serving
from bench.report import Record, Report
from bench.statistics import Spread, spread
from bench.synthetic import open_session
from bench.workload import Read, post

SIZES = (1, 10, 100, 1_000, 10_000, 100_000)
LARGE = SIZES[-1]
# Small requests are quick: enough of them for a median, and a few of the large ones.
MIN_REPEATS, MAX_REPEATS = 3, 200
TIMEOUT_SECONDS = 60.0


def run(options: Options) -> Report:
    """Measure every size in JSON, in binary and in the runtime alone, interleaved; then small beside large."""
    folder = trivet.prepare_iris()
    found: dict[tuple[int, str], list[float]] = {}
    alone, beside = [], []
    launch = trivet.launcher({})(folder)
    with serving(launch, places.log("rows"), options.server_core) as running:
        for number in range(1, options.rounds + 1):
            for size in SIZES:
                options.say(f"round {number} of {options.rounds}: {size:,} rows")
                for way, once in _ways(running.port, size, folder).items():
                    found.setdefault((size, way), []).append(_median_ms(once, options.seconds / len(SIZES)))
            options.say(f"round {number} of {options.rounds}: one row beside {LARGE:,}")
            alone.append(_single(running.port, options))
            with _looping_large(running.port):
                beside.append(_single(running.port, options))
    records = [_record(size, found) for size in SIZES]
    return Report(
        name="rows",
        title="Rows in one request, beside the runtime's own time",
        records=records,
        notes=_notes(spread(alone), spread(beside)),
        settings={
            "rounds": options.rounds,
            "seconds_each": options.seconds / len(SIZES),
            "one_row_alone_p99_ms": spread(alone),
            "one_row_beside_p99_ms": spread(beside),
        },
        versions={places.TRIVET: machine.versions(places.python_of(places.TRIVET))},
    )


class Ask:
    """Sends one request again and again, and checks each answer that differs from the one before."""

    def __init__(self, connection: socket.socket, request: bytes, labels: list[int], read: Read) -> None:
        self.connection = connection
        self.request = request
        self.labels = labels
        self.read = read
        self.right = b""

    def __call__(self) -> None:
        answer = exchange(self.connection, self.request, TIMEOUT_SECONDS)
        if answer.status == 200 and answer.body == self.right:
            return
        if answer.status != 200 or np.ravel(self.read(answer.head, answer.body)).tolist() != self.labels:
            raise SystemExit(f"{len(self.labels)} rows got a wrong answer, with status {answer.status}")
        self.right = answer.body


def _ways(port: int, size: int, folder: Path) -> dict[str, Callable[[], object]]:
    rows, labels = _rows(size)
    session = open_session(folder / "compiled" / "model.onnx")
    connection = connect(port)
    return {
        "JSON": Ask(connection, json_request(rows), labels, lambda _head, body: json.loads(body)["outputs"][0]["data"]),
        "binary": Ask(connection, iris.binary_request(rows), labels, iris.read_binary),
        "runtime": lambda: session.run(None, {"features": rows}),
    }


def _rows(size: int) -> tuple["np.ndarray[Any, Any]", list[int]]:
    rows, labels = iris.rows_and_labels()
    repeats = -(-size // len(rows))
    return np.tile(np.array(rows), (repeats, 1))[:size], (labels * repeats)[:size]


def json_request(rows: "np.ndarray[Any, Any]") -> bytes:
    """Return a V2 request whose tensor is a flat JSON array."""
    tensor = {"name": "features", "shape": list(rows.shape), "datatype": "FP64", "data": rows.ravel().tolist()}
    body = json.dumps({"inputs": [tensor]}, separators=(",", ":")).encode()
    return post(f"/v2/models/{iris.MODEL}/infer", body)


def _median_ms(once: Callable[[], object], seconds: float) -> float:
    once()
    end = time.perf_counter() + seconds / 3
    found: list[float] = []
    while len(found) < MIN_REPEATS or (len(found) < MAX_REPEATS and time.perf_counter() < end):
        start = time.perf_counter()
        once()
        found.append(time.perf_counter() - start)
    return float(np.median(found)) * 1e3


def _single(port: int, options: Options) -> float:
    return closed_loop.run(port, iris.predict(), connections=1, seconds=options.seconds).summary().p99_ms


@contextmanager
def _looping_large(port: int) -> Iterator[None]:
    """Another process sends requests of 100,000 rows, one after the other, until the end of the block."""
    child = multiprocessing.get_context("spawn").Process(target=_send_large, args=(port,), daemon=True)
    child.start()
    time.sleep(1.0)
    try:
        yield
    finally:
        child.terminate()
        child.join()


def _send_large(port: int) -> None:
    rows, _ = _rows(LARGE)
    connection, request = connect(port), iris.binary_request(rows)
    while exchange(connection, request, TIMEOUT_SECONDS).status == 200:
        pass


def _record(size: int, found: dict[tuple[int, str], list[float]]) -> Record:
    runtime, binary, text = (spread(found[size, way]) for way in ("runtime", "binary", "JSON"))
    return {
        "rows": size,
        "runtime ms": runtime,
        "binary ms": binary,
        "JSON ms": text,
        "binary / runtime": binary.median / runtime.median,
        "JSON / runtime": text.median / runtime.median,
    }


def _notes(alone: Spread, beside: Spread) -> list[str]:
    return [
        "Open Inference Protocol V2, one connection, iris, all logs on; runtime: onnxruntime alone, one thread, all "
        "rows in one run.",
        f"p99 of single-row requests on one connection: {alone.median:.2f} ms alone, {beside.median:.2f} ms beside a "
        f"client that sends {LARGE:,} rows again and again.",
    ]
