"""The chart ray-service and services/engines/ray/config.py take the same values, refuse the same, and make the same."""

import json
import re
from typing import Any

import helm_python
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ray.serve.schema import ServeDeploySchema

from k8s.helm import CHARTS, render
from services.core.errors import SettingsInvalid
from services.engines.ray.config import Autoscaling, EngineConfig, read, serve_config
from tests.chart.charts import one, refusal

# Of workers there are enough for whatever is drawn: what does not fit on them is another test's.
PLENTY = {"replicas": 1000, "minReplicas": 1, "maxReplicas": 1000, "numCpus": 64}
WORKERS = {"workers": {"cpu": PLENTY, "gpu": PLENTY}, "gpu": {"count": 64}}


class Loader(yaml.SafeLoader):
    """Reads numbers as the operator does: YAML 1.2 knows 1e-07, PyYAML's 1.1 takes it for text."""


Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^-?[0-9]+(\.[0-9]+)?e[-+]?[0-9]+$"), list("-0123456789")
)


def _counts(most: int = 40) -> st.SearchStrategy[int]:
    return st.integers(-2, most)


NUMBERS = st.one_of(st.integers(-1, 100), st.floats(-1, 100), st.sampled_from([0.0, 1e-7, 1e6]))
USER_CONFIGS = st.fixed_dictionaries(
    {},
    optional={
        "model": st.text(st.characters(min_codepoint=32, max_codepoint=0x24F, exclude_categories=["C"]), min_size=1),
        "max_batch_rows": st.integers(-1, 70_000),
        "batch_wait_seconds": st.floats(-1, 12),
        "max_queue_rows": st.integers(-1, 10**7),
        "max_queue_seconds": NUMBERS,
        "runtime_threads": st.integers(-1, 64),
    },
).filter(lambda config: not str(config.get("model", "")).startswith("models:/"))
AUTOSCALINGS = st.fixed_dictionaries(
    {"max_replicas": _counts()},
    optional={
        "min_replicas": _counts(),
        "target_ongoing_requests": NUMBERS,
        "upscale_delay_seconds": NUMBERS,
        "downscale_delay_seconds": NUMBERS,
        "prometheus": st.booleans(),
    },
)
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "num_replicas": _counts(),
        "autoscaling": AUTOSCALINGS,
        "num_cpus": st.one_of(st.integers(-1, 8), st.floats(0.01, 8)),
        "num_gpus": st.sampled_from([-1, 0, 0.25, 0.5, 1, 1.5, 2, 3]),
        "max_ongoing_requests": st.integers(-1, 10**7),
        "max_queued_requests": st.integers(-3, 10**7),
        "health_check_period_seconds": NUMBERS,
        "health_check_timeout_seconds": NUMBERS,
        "drain_seconds": NUMBERS,
        "host": st.sampled_from(["0.0.0.0", "::", "127.0.0.1"]),
        "port": st.integers(-1, 70_000),
        "user_config": USER_CONFIGS,
    },
)


def _rendered(options: dict[str, Any]) -> dict[str, Any]:
    gpu = {**WORKERS["gpu"], "enabled": options.get("num_gpus", 0) > 0}
    text = render("ray-service", {**WORKERS, "gpu": gpu, "serve": options}, release="demo")
    service = one(list(filter(None, yaml.safe_load_all(text))), "RayService")
    loaded: dict[str, Any] = yaml.load(service["spec"]["serveConfigV2"], Loader)
    return loaded


def _config(options: dict[str, Any]) -> EngineConfig | None:
    """Return what the program reads, or None where it refuses."""
    try:
        return read(yaml.safe_dump(options))
    except SettingsInvalid:
        return None


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(OPTIONS)
def test_chart_makes_of_any_values_what_the_program_makes_and_refuses_what_it_refuses(options):
    config = _config(options)
    if config is None:
        with pytest.raises(helm_python.HelmError):
            _rendered(options)
        return

    rendered = _rendered(options)

    assert rendered == serve_config(config)
    ServeDeploySchema(**rendered)


@pytest.mark.parametrize(
    ("options", "remedy"),
    [
        ({"autoscaling": {"max_replicas": 2, "min_replicas": 3}}, "raise max_replicas or lower min_replicas"),
        ({"autoscaling": {"max_replicas": 2}, "num_replicas": 2}, "exclude each other: set one of them"),
        ({"autoscaling": {"max_replicas": 2, "target_ongoing_requests": 9}, "max_ongoing_requests": 8}, "raise max_on"),
        ({"num_gpus": 1.5}, "set a whole number, or one below 1"),
        ({"num_gpus": 1}, "set gpu.enabled=true"),
        ({"num_replicas": 3}, "raise workers.cpu.replicas"),
        ({"num_cpus": 2}, "raise workers.cpu.replicas or numCpus"),
        ({"autoscaling": {"max_replicas": 5}}, "raise workers.cpu.maxReplicas"),
        ({"num_replica": 2}, "num_replica"),
        ({"user_config": {"max_batch_rows": 0}}, "max_batch_rows"),
    ],
)
def test_what_contradicts_is_refused_with_what_to_set(options, remedy):
    assert remedy in refusal("ray-service", {"serve": options})


def test_defaults_of_the_chart_are_those_of_the_program():
    values = yaml.safe_load((CHARTS / "ray-service" / "values.yaml").read_text())["serve"]
    schema = json.loads((CHARTS / "ray-service" / "values.schema.json").read_text())
    autoscaling = {
        name: field["default"]
        for name, field in schema["definitions"]["autoscaling"]["properties"].items()
        if "default" in field
    }

    assert read(json.dumps(values)) == EngineConfig()
    assert Autoscaling(max_replicas=3, **autoscaling) == Autoscaling(max_replicas=3)
    assert _rendered({"autoscaling": {"max_replicas": 3}}) == serve_config(EngineConfig(autoscaling=Autoscaling(3)))
