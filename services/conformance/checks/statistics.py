"""The statistics extension."""

from typing import Any

from services.conformance.check import Failed, check
from services.conformance.expect import expect, ok, refused
from services.conformance.http import Reply
from services.conformance.target import Target

NAME = "statistics"
SOURCE = "Statistics extension"
DURATIONS = ("success", "fail", "queue", "compute_input", "compute_infer", "compute_output")


@check(SOURCE)
def statistics_have_every_duration(target: Target) -> None:
    """`GET /v2/models/{m}/stats` has a count and nanoseconds for every duration of the model."""
    target.need_extension(NAME)
    target.outputs()
    reply = ok(target.get(f"{target.path}/stats"))
    durations = _of_model(target, reply).get("inference_stats") or {}
    for name in DURATIONS:
        found = durations.get(name) or {}
        whole = all(type(found.get(field)) is int and found[field] >= 0 for field in ("count", "ns"))
        expect(whole, f"inference_stats.{name} with count and ns", reply)


@check(SOURCE)
def statistics_count_inferences(target: Target) -> None:
    """An inference is counted: the number of inferences and that of successes rise."""
    target.need_extension(NAME)
    before = _of_model(target, ok(target.get(f"{target.path}/stats")))
    target.outputs()
    reply = ok(target.get(f"{target.path}/stats"))
    after = _of_model(target, reply)
    expect(after["inference_count"] > before["inference_count"], "a higher inference_count", reply)
    counts = [stats["inference_stats"]["success"]["count"] for stats in (before, after)]
    expect(counts[1] > counts[0], "a higher count of successes", reply)


@check(SOURCE)
def statistics_are_at_all_three_paths(target: Target) -> None:
    """`/v2/models/stats` and `…/versions/{v}/stats` answer as well."""
    target.need_extension(NAME)
    for path in ("/v2/models/stats", f"{target.path}/versions/{target.need_version()}/stats"):
        _of_model(target, ok(target.get(path)))


@check(SOURCE)
def statistics_of_an_unknown_model_are_an_error(target: Target) -> None:
    """Statistics of a model that is not there are an error of the client's, `{"error": "…"}`."""
    target.need_extension(NAME)
    refused(target.get("/v2/models/no-such-model/stats"))


def _of_model(target: Target, reply: Reply) -> dict[str, Any]:
    for stats in reply.object().get("model_stats") or ():
        if isinstance(stats, dict) and stats.get("name") == target.model:
            return stats
    raise Failed(f"model_stats with an entry of {target.model}", reply)
