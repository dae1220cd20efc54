"""Reading `/metrics` as Prometheus does."""

import httpx
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample


def samples_of(client: httpx.Client) -> list[Sample]:
    """Return every sample of one scrape."""
    response = client.get("/metrics")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain")
    return [sample for family in text_string_to_metric_families(response.text) for sample in family.samples]


def value_of(client: httpx.Client, name: str, **labels: str) -> float:
    """Return the sum of the samples of a name that carry these labels."""
    return value_in(samples_of(client), name, **labels)


def value_in(samples: list[Sample], name: str, **labels: str) -> float:
    """Return the same of a scrape that was made: where each process answers for itself, the next may be another's."""
    return sum(sample.value for sample in samples if sample.name == name and labels.items() <= sample.labels.items())
