"""The dashboard `on-call`: is it up, how bad is it, since when, and what changed."""

from k8s.grafana.dashboard import CHOSEN, Dashboard
from k8s.grafana.panels import Panel, Query, Row, Stat, Table

WHICH = "{{model}} on {{engine}}"
BY = "namespace, engine, model"

NOW = Row(
    "Now",
    [
        Stat(
            "Requests",
            "Answers a second, of the last minute.",
            [Query(f"sum(trivet:requests:rate1m{{{CHOSEN}}})")],
            "reqps",
        ),
        Stat(
            "Failures",
            "The worst ratio of 5xx of the last 5 minutes, of what was not refused.",
            [Query(f"max(trivet:errors:ratio_rate5m{{{CHOSEN}}})")],
            "percentunit",
            warn=0.001,
            alarm=0.0144,
        ),
        Stat(
            "Slow answers",
            "The worst ratio of answers over the agreed threshold, of the last 5 minutes.",
            [Query(f"max(trivet:slow:ratio_rate5m{{{CHOSEN}}})")],
            "percentunit",
            warn=0.01,
            alarm=0.144,
        ),
        Stat(
            "Refused",
            "The worst ratio of 429 of the last 5 minutes.",
            [Query(f"max(trivet:refused:ratio_rate5m{{{CHOSEN}}})")],
            "percentunit",
            warn=0.01,
            alarm=0.05,
        ),
        Stat(
            "In flight",
            "Requests accepted and unanswered: what scaling looks at.",
            [Query(f"sum(trivet:inflight:sum{{{CHOSEN}}})")],
        ),
        Stat("Ready", "Replicas that serve a model.", [Query(f"sum(trivet:replicas_ready:sum{{{CHOSEN}}})")]),
        Table(
            "Firing alerts",
            "Each has its section in docs/alerts.md.",
            [Query('ALERTS{alertname=~"Trivet.+",alertstate="firing",namespace=~"$namespace"}')],
            width=24,
            height=5,
            columns=("alertname", "severity", "namespace", "engine", "model", "pod"),
        ),
    ],
)

ANSWERS = Row(
    "Answers",
    [
        Panel(
            "Requests by status",
            "4xx but 429 are the client's, 429 is admission's, 5xx the server's.",
            [Query(f"sum by (class) (trivet:requests:rate1m{{{CHOSEN}}})", "{{class}}")],
            "reqps",
        ),
        Panel(
            "Failures over 5 minutes and 1 hour",
            "Both far above what was agreed: TrivetErrorBudgetBurnsFast.",
            [
                Query(f"trivet:errors:ratio_rate5m{{{CHOSEN}}}", f"{WHICH}, 5 m"),
                Query(f"trivet:errors:ratio_rate1h{{{CHOSEN}}}", f"{WHICH}, 1 h"),
            ],
            "percentunit",
        ),
        Panel(
            "Refused, by reason",
            "queue_full: more came than runs. deadline: it would not have been met.",
            [
                Query(
                    f"sum by (engine, reason) (rate(inference_refused_total{{{CHOSEN}}}[$__rate_interval]))",
                    "{{reason}} on {{engine}}",
                )
            ],
            "reqps",
        ),
        Panel(
            "Latency",
            "From the first byte of a request to its answer.",
            [Query(f"trivet:request_duration_seconds:quantile5m{{{CHOSEN}}}", f"{WHICH}, {{{{quantile}}}}")],
            "s",
        ),
        Panel(
            "Waiting for a run",
            "Part of the latency. Where it is most of it, there are too few replicas.",
            [Query(f"trivet:queue_duration_seconds:quantile5m{{{CHOSEN}}}", f"{WHICH}, {{{{quantile}}}}")],
            "s",
        ),
        Panel(
            "Slow answers over 5 minutes and 1 hour",
            "Both far above what was agreed: TrivetLatencyBudgetBurnsFast.",
            [
                Query(f"trivet:slow:ratio_rate5m{{{CHOSEN}}}", f"{WHICH}, 5 m"),
                Query(f"trivet:slow:ratio_rate1h{{{CHOSEN}}}", f"{WHICH}, 1 h"),
            ],
            "percentunit",
        ),
    ],
)

SATURATION = Row(
    "Saturation",
    [
        Panel(
            "In flight",
            "What scaling looks at: accepted and unanswered.",
            [Query(f"trivet:inflight:sum{{{CHOSEN}}}", WHICH)],
            width=6,
        ),
        Panel(
            "Backlog",
            "Rows that wait for a run.",
            [Query(f"trivet:queue_rows:sum{{{CHOSEN}}}", WHICH)],
            "rows",
            width=6,
        ),
        Panel(
            "Rows of a run",
            "The mean. More than one: batching merges requests.",
            [
                Query(
                    f"sum by ({BY}) (rate(inference_batch_rows_sum{{{CHOSEN}}}[$__rate_interval])) / "
                    f"sum by ({BY}) (rate(inference_batch_rows_count{{{CHOSEN}}}[$__rate_interval]))",
                    WHICH,
                )
            ],
            "rows",
            width=6,
        ),
        Panel(
            "Replicas",
            "Ready for requests by their own word, and as their Deployments want them.",
            [
                Query(f"trivet:replicas_ready:sum{{{CHOSEN}}}", f"{WHICH}, ready"),
                Query('kube_deployment_spec_replicas{namespace=~"$namespace"}', "{{deployment}}, wanted"),
            ],
            width=6,
        ),
    ],
)

MODELS = Row(
    "Models",
    [
        Table(
            "Served versions",
            "How many replicas serve which version. Two for long: some did not follow the alias.",
            [Query(f"sum by ({BY}, version) (inference_model_ready{{{CHOSEN}}}) > 0")],
            width=12,
            columns=("namespace", "engine", "model", "version"),
        ),
        Panel(
            "Other versions, by outcome",
            "What came of each attempt to take the version that the registry names.",
            [
                Query(
                    "sum by (engine, outcome) (increase(inference_model_reloads_total"
                    f"{{{CHOSEN}}}[$__rate_interval])) > 0",
                    "{{outcome}} on {{engine}}",
                )
            ],
            width=6,
        ),
        Panel(
            "Prediction log",
            "Rows written, and rows lost because the database did not keep up.",
            [
                Query(
                    "sum(rate(inference_log_written_total"
                    '{namespace=~"$namespace",engine=~"$engine"}[$__rate_interval]))',
                    "written",
                ),
                Query(
                    "sum(rate(inference_log_dropped_total"
                    '{namespace=~"$namespace",engine=~"$engine"}[$__rate_interval]))',
                    "dropped",
                ),
            ],
            "wps",
            width=6,
        ),
    ],
)

DASHBOARD = Dashboard(
    "on-call",
    "Trivet: on call",
    "Is it up, how bad is it, since when, and what changed.",
    [NOW, ANSWERS, SATURATION, MODELS],
)
