"""The bridge copies each sample under its own name, with its own labels."""

import pytest

from services.core.metrics import Metrics
from services.engines.ray import bridge
from services.engines.ray.bridge import Bridge


class Gauge:
    """Keeps what Ray would export."""

    kept: dict[tuple[str, frozenset[tuple[str, str]]], float]

    def __init__(self, name, text, keys):
        self.name, self.keys = name, keys

    def set(self, value, tags):
        assert set(tags) == set(self.keys)
        Gauge.kept[self.name, frozenset(tags.items())] = value


@pytest.fixture
def copied(monkeypatch):
    """What was copied of some requests, twice."""
    monkeypatch.setattr(bridge, "Gauge", Gauge)
    Gauge.kept = {}
    metrics = Metrics("ray")
    copies = Bridge(metrics)
    for _ in range(2):
        metrics.answered("iris", "1", "/predict", "200", 0.003)
        copies.copy()
    return {(name, tuple(sorted(labels))): value for (name, labels), value in Gauge.kept.items()}


def _value(copied, name, **labels):
    return copied[name, tuple(sorted({"engine": "ray", **labels}.items()))]


def test_a_counter_is_copied_and_not_added_up(copied):
    labels = {"model": "iris", "version": "1", "route": "/predict", "code": "200"}

    assert _value(copied, "inference_requests_total", **labels) == 2


def test_a_histogram_keeps_its_buckets(copied):
    name, labels = "inference_request_duration_seconds", {"model": "iris", "route": "/predict"}

    assert _value(copied, f"{name}_bucket", **labels, le="0.0025") == 0
    assert _value(copied, f"{name}_bucket", **labels, le="0.005") == 2
    assert _value(copied, f"{name}_count", **labels) == 2
    assert _value(copied, f"{name}_sum", **labels) == pytest.approx(0.006)


def test_nothing_else_is_copied(copied):
    assert all(name.startswith("inference_") and not name.endswith("_created") for name, _ in copied)
