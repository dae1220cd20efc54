"""docs/engines.md, made of what `python -m bench engines --keep` kept in docs/benchmarks.json."""

import textwrap
from collections.abc import Iterator
from pathlib import Path

from bench.contenders import engine_of, trivet_on
from bench.figures import figures
from bench.report import Record, Report, from_json, pairs, read_json, table
from bench.statistics import number

KEPT = Path(__file__).with_name("benchmarks.json")
WIDTH = 120

HEAD = """\
# Engines

Written by `make render` from `docs/engines.py` and from `docs/benchmarks.json`, which `python -m bench engines --keep`
measures; change it there.

An engine hosts the HTTP application and scales it. All three answer the same, byte for byte: `tests/service/parity/`
sends each thousands of requests, good and bad. So an engine is a choice of operations, and `--engine` changes it.

| engine | take it | what it costs |
| --- | --- | --- |
| `fastapi` | unless one of the others has what you need: the fastest, the smallest, the quickest to start | nothing |
| `bentoml` | where models travel as Bentos, or clients use BentoML's own API | its imports; for a Bento, a process |
| `ray` | where other Serve deployments call the model, or a Ray cluster scales replicas and shares GPUs | Ray itself |
"""

SINCE = """\
One worker on BentoML had BentoML's supervisor above it then, as a Bento still has. Side by side, medians of five starts
on one core of a slower machine: 4.1 s and 244 MiB with the supervisor, 2.4 s and 150 MiB without, FastAPI 1.2 s and
107 MiB. FastAPI and BentoML write an answer in one piece since ([ADR 10](adr/0010-answers-written-whole.md)): side by
side on FastAPI, 32 connections, 16 % and 27 % more requests a second in two series on that machine.
"""
BATCHING = """\
## Batching

Dynamic batching is Trivet's own on every engine, with the same settings: an idle runtime takes a request at once, a
busy one takes all that wait, up to `TRIVET_MAX_BATCH_ROWS`. BentoML's adaptive batching and Ray's `@serve.batch` stand
only before the native calls, and hand over what arrived together.
"""

SCALING = """\
## Scaling

A pod has one process that answers on `fastapi` or `bentoml`, and Kubernetes adds pods by in-flight work; `--workers` is
for a machine without it. On `ray`, `--workers` is the number of replicas, and Serve's own autoscaler can set it.
"""

PATHS = """\
## Paths that an engine adds

They are outside the contract: no comparison asks for them, and no client should need them. On `fastapi` there are none.

| engine | paths | what they are |
| --- | --- | --- |
| `bentoml` | `/livez`, `/readyz`, `/healthz` | BentoML's probes; the contract's begin with `/v2/health/` |
| `bentoml` | `/schema.json`, `/docs.json` | BentoML's descriptions of its native API |
| `bentoml` | `/bentoml/predict`, `/bentoml/predict_named` | the native API, for `bentoml.SyncHTTPClient` |
| `ray` | `/-/healthz`, `/-/routes` | Ray Serve's own: whether the proxy serves, and what is served where |
"""


def page() -> str:
    """Return the page; without a kept measurement it says how to measure."""
    kept = read_json(KEPT).get("engines")
    measured = (
        "\n".join(_measured(from_json(kept))) if kept else "Not measured yet: `python -m bench engines --keep`.\n"
    )
    return "\n".join((HEAD, measured, PATHS))


def _measured(report: Report) -> Iterator[str]:
    records = report.as_json()["records"]
    ours = [record for record in records if engine_of(record["server"])]
    yield "## Throughput and latency\n"
    yield table(_columns(records, "server", "cores", "requests/s", "p50 ms, c=32", "p99 ms, c=32", "errors")) + "\n"
    yield table(_columns(records, "server", "p50 ms, c=1", "p99 ms, c=1", "rounds")) + "\n"
    yield _wrapped(
        "One core is the server's own; a server on both shares one with the load, so compare it only with others on "
        "both. The lines that do not begin with Trivet are what users of BentoML and Ray Serve would start: the "
        "services of the source document, modernised. They answer a label; Trivet answers the probabilities as well."
    )
    yield "What the engines are held to:\n"
    headings = ("figure", "measured", "wanted", "verdict")
    yield table([dict(zip(headings, figure.cells(), strict=True)) for figure in figures(records)]) + "\n"
    yield "## Start and memory\n"
    yield table(_columns(records, "server", "start s", "resident MiB", "processes")) + "\n"
    yield "Pages that processes share count for each of them.\n"
    yield SINCE
    yield BATCHING
    yield table(_columns(ours, "server", "rows a run")) + "\n"
    yield "The mean under 32 connections, one row a request.\n"
    yield SCALING
    yield table(_scaling(ours)) + "\n"
    yield "## Packaging\n"
    yield table(
        _columns([one for one in ours if "," not in one["server"]] or ours, "server", "packages", "installed MiB")
    )
    yield "\nWhat `pip install trivet[ENGINE]` brings, with Trivet itself; the model comes at start.\n"
    yield _wrapped(f"Measured so: {pairs(report.settings)}. Machine: {pairs(report.machine)}.")


def _columns(records: list[Record], *names: str) -> list[Record]:
    return [{name: record.get(name) for name in names} for record in records]


def _scaling(ours: list[Record]) -> list[Record]:
    """Return how much a second process wins where both cores are there."""
    rates = {record["server"]: record["requests/s"]["median"] for record in ours}
    found = []
    for engine in dict.fromkeys(engine_of(record["server"]) for record in ours):
        one, two = (rates.get(trivet_on(str(engine), processes)) for processes in (1, 2))
        ratio = number(two / one) if one and two else "-"
        found.append({"engine": f"`{engine}`", "requests/s of 1": one, "of 2": two, "ratio": ratio})
    return found


def _wrapped(text: str) -> str:
    return textwrap.fill(text, WIDTH, break_long_words=False) + "\n"
