"""Which gauges to show: not those of a model, or a version, that no process has loaded.

prometheus_client removes no series that several processes share, nor does Ray's agent; so what is over is 0 there, and
left out when somebody asks.
"""

from collections.abc import Iterable, Iterator

from prometheus_client.metrics_core import Metric
from prometheus_client.samples import Sample

INFO, READY = "inference_model_info", "inference_model_ready"
LEVELS = frozenset({"inference_requests_in_flight", "inference_queue_rows"})


def without_unloaded(families: Iterable[Metric]) -> Iterator[Metric]:
    """Yield the families; of the gauges of models, only those of the versions that are served somewhere.

    What is still in flight of others is kept.
    """
    listed = list(families)
    served = {_version(sample) for family in listed if family.name == INFO for sample in family.samples if sample.value}
    models = {model for model, _ in served}
    for family in listed:
        if family.name in (INFO, READY):
            shown = [sample for sample in family.samples if _version(sample) in served]
            yield _with(family, [sample for sample in shown if sample.value or family.name == READY])
        elif family.name in LEVELS:
            yield _with(
                family, [sample for sample in family.samples if sample.value or sample.labels["model"] in models]
            )
        else:
            yield family


def _version(sample: Sample) -> tuple[str, str]:
    return sample.labels["model"], sample.labels["version"]


def _with(family: Metric, samples: list[Sample]) -> Metric:
    shown = Metric(family.name, family.documentation, family.type)
    shown.samples = samples
    return shown
