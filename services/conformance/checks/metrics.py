"""The metrics of Trivet's contract."""

import re
from typing import NamedTuple

from services.conformance.check import Failed, check
from services.conformance.expect import expect, ok
from services.conformance.target import Target

SOURCE = "Trivet contract, Metrics"
# As the contract names them. Those that count what may never happen have no sample until it does.
LABELS = {
    "inference_requests_total": {"engine", "model", "version", "route", "code"},
    "inference_request_duration_seconds_count": {"engine", "model", "route"},
    "inference_request_duration_seconds_bucket": {"engine", "model", "route", "le"},
    "inference_queue_duration_seconds_count": {"engine", "model"},
    "inference_compute_duration_seconds_count": {"engine", "model"},
    "inference_batch_rows_count": {"engine", "model"},
    "inference_requests_in_flight": {"engine", "model"},
    "inference_queue_rows": {"engine", "model"},
    "inference_refused_total": {"engine", "model", "reason"},
    "inference_model_ready": {"engine", "model", "version"},
    "inference_model_info": {"engine", "model", "version", "digest"},
    "inference_model_load_duration_seconds_count": {"engine", "model"},
    "inference_start_duration_seconds": {"engine"},
}
SAMPLE = re.compile(r"(?P<name>[a-zA-Z_:][\w:]*)(?:\{(?P<labels>.*)\})? (?P<value>\S+)(?: \S+)?")
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
INFER_ROUTE = "/v2/models/{model}/infer"


class Sample(NamedTuple):
    """One line of `/metrics`."""

    name: str
    labels: dict[str, str]
    value: float


@check(SOURCE, "trivet")
def every_metric_is_there_with_its_labels(target: Target) -> None:
    """After some requests, `/metrics` has every metric of the contract, with exactly its labels."""
    target.infer()
    target.post(f"{target.path}/infer", target.body(), request_timeout="0.000000001")  # refused by admission
    samples = _samples(target)
    for name, labels in LABELS.items():
        found = [sample for sample in samples if sample.name == name]
        expect(found, f"samples of {name}", target.http.last)
        expect(
            all(sample.labels.keys() == labels for sample in found), f"{name} with {sorted(labels)}", target.http.last
        )


@check(SOURCE, "trivet")
def names_have_the_prefix_and_no_colon(target: Target) -> None:
    """Every metric of the server begins with `inference_`; `:` is for recording rules."""
    ours = [sample.name for sample in _samples(target) if not sample.name.startswith(("python_", "process_"))]
    strange = [name for name in ours if not name.startswith("inference_") or ":" in name]
    expect(not strange, f"no {strange[:1]}", target.http.last)


@check(SOURCE, "trivet")
def requests_are_counted_by_route_and_code(target: Target) -> None:
    """A request is counted under the template of its route and its status."""
    before = _count(target, INFER_ROUTE, "200")
    target.outputs()
    expect(_count(target, INFER_ROUTE, "200") > before, f"a higher count of {INFER_ROUTE}, 200", target.http.last)


@check(SOURCE, "trivet")
def what_clients_make_up_is_no_label(target: Target) -> None:
    """A model that is not there is counted as `unknown`, and a path that is not there under no name of its own."""
    target.post("/v2/models/made-up-name/infer", target.body())
    target.get("/made-up-name/at/all")
    samples = _samples(target)
    labels = {value for sample in samples for value in sample.labels.values()}
    expect(not any("made-up-name" in value for value in labels), "no label with made-up-name", target.http.last)
    counted = [sample for sample in samples if sample.name == "inference_requests_total"]
    expect(any(sample.labels.get("model") == "unknown" for sample in counted), 'model="unknown"', target.http.last)


@check(SOURCE, "trivet")
def the_served_version_is_ready(target: Target) -> None:
    """`inference_model_ready` is 1 for the served version, and `inference_model_info` names its digest."""
    wanted = {"model": target.model, "version": target.metadata["versions"][0]}
    digest = {"digest": target.metadata["properties"]["model_digest"]}
    samples = _samples(target)
    for name, labels in (("inference_model_ready", wanted), ("inference_model_info", wanted | digest)):
        found = [sample for sample in samples if sample.name == name and labels.items() <= sample.labels.items()]
        expect(found and found[0].value == 1, f"{name} 1 with {labels}", target.http.last)


def _count(target: Target, route: str, code: str) -> float:
    labels = {"model": target.model, "route": route, "code": code}.items()
    return sum(
        sample.value
        for sample in _samples(target)
        if sample.name == "inference_requests_total" and labels <= sample.labels.items()
    )


def _samples(target: Target) -> list[Sample]:
    """Return every sample of one scrape. Raises Failed unless it is Prometheus' text format."""
    reply = ok(target.get("/metrics"))
    expect(reply.headers.get("content-type", "").startswith("text/plain"), "Content-Type: text/plain", reply)
    samples = []
    for line in reply.body.decode(errors="replace").splitlines():
        if not line or line.startswith("#"):
            continue
        found = SAMPLE.fullmatch(line)
        if found is None:
            raise Failed(f"Prometheus' text format, not {line!r}", reply)
        samples.append(Sample(found["name"], dict(LABEL.findall(found["labels"] or "")), float(found["value"])))
    return samples
