"""The dashboard `engines`: the same question to each engine, side by side."""

from k8s.grafana.dashboard import CHOSEN, Dashboard
from k8s.grafana.panels import Panel, Query, Row

ENGINE = "{{engine}}"


def _ratio(over: str, under: str) -> str:
    """Return the mean of a histogram's observations, by engine. over, under: its sum and its count."""
    rates = (f"sum by (engine) (rate({name}{{{CHOSEN}}}[$__rate_interval]))" for name in (over, under))
    return " / ".join(rates)


def _mean(histogram: str) -> str:
    return _ratio(f"{histogram}_sum", f"{histogram}_count")


def _quantile(series: str, quantile: str) -> str:
    return f'max by (engine) ({series}:quantile5m{{{CHOSEN},quantile="{quantile}"}})'


ANSWERS = Row(
    "Answers",
    [
        Panel(
            "Requests",
            "Answers a second.",
            [Query(f"sum by (engine) (trivet:requests:rate1m{{{CHOSEN}}})", ENGINE)],
            "reqps",
        ),
        Panel(
            "Failures",
            "5xx of what was not refused, of the last 5 minutes; the model that is worst.",
            [Query(f"max by (engine) (trivet:errors:ratio_rate5m{{{CHOSEN}}})", ENGINE)],
            "percentunit",
        ),
        Panel(
            "Refused",
            "429 of all requests of the last 5 minutes; the model that is worst.",
            [Query(f"max by (engine) (trivet:refused:ratio_rate5m{{{CHOSEN}}})", ENGINE)],
            "percentunit",
        ),
        Panel(
            "Median latency",
            "Of the last 5 minutes; the model that is slowest.",
            [Query(_quantile("trivet:request_duration_seconds", "0.5"), ENGINE)],
            "s",
        ),
        Panel(
            "99th percentile of latency",
            "Of the last 5 minutes; the model that is slowest.",
            [Query(_quantile("trivet:request_duration_seconds", "0.99"), ENGINE)],
            "s",
        ),
        Panel(
            "Slow answers",
            "Those over the agreed threshold, of the last 5 minutes; the model that is worst.",
            [Query(f"max by (engine) (trivet:slow:ratio_rate5m{{{CHOSEN}}})", ENGINE)],
            "percentunit",
        ),
    ],
)

WORK = Row(
    "Where the time goes",
    [
        Panel(
            "Waiting for a run",
            "The mean of each request.",
            [Query(_mean("inference_queue_duration_seconds"), ENGINE)],
            "s",
            width=6,
        ),
        Panel(
            "A run of the model",
            "The mean of each run, which is the same code on every engine.",
            [Query(_mean("inference_compute_duration_seconds"), ENGINE)],
            "s",
            width=6,
        ),
        Panel(
            "Rows of a run",
            "The mean: how much batching merges.",
            [Query(_mean("inference_batch_rows"), ENGINE)],
            "rows",
            width=6,
        ),
        Panel(
            "Runs",
            "Runs of the model a second: fewer than requests where batching merges.",
            [
                Query(
                    f"sum by (engine) (rate(inference_compute_duration_seconds_count{{{CHOSEN}}}[$__rate_interval]))",
                    ENGINE,
                )
            ],
            "ops",
            width=6,
        ),
    ],
)

REPLICAS = Row(
    "Replicas",
    [
        Panel(
            "In flight for each replica",
            "The work that a ready replica has at hand.",
            [
                Query(
                    f"sum by (engine) (trivet:inflight:sum{{{CHOSEN}}}) / "
                    f"sum by (engine) (trivet:replicas_ready:sum{{{CHOSEN}}})",
                    ENGINE,
                )
            ],
            width=6,
        ),
        Panel(
            "Ready replicas",
            "Pods, and on Ray replicas of the Serve deployment.",
            [Query(f"sum by (engine) (trivet:replicas_ready:sum{{{CHOSEN}}})", ENGINE)],
            width=6,
        ),
        Panel(
            "Start",
            "From the start of a process to its first ready; the slowest one.",
            [
                Query(
                    'max by (engine) (inference_start_duration_seconds{namespace=~"$namespace",engine=~"$engine"})',
                    ENGINE,
                )
            ],
            "s",
            width=6,
        ),
        Panel(
            "Load of a model",
            "The mean time to load a version and warm it up, since each process started.",
            [
                Query(
                    f"sum by (engine) (inference_model_load_duration_seconds_sum{{{CHOSEN}}}) / "
                    f"sum by (engine) (inference_model_load_duration_seconds_count{{{CHOSEN}}})",
                    ENGINE,
                )
            ],
            "s",
            width=6,
        ),
    ],
)

DASHBOARD = Dashboard(
    "engines", "Trivet: engines", "The same question to each engine, side by side.", [ANSWERS, WORK, REPLICAS]
)
