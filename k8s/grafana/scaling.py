"""The dashboard `scaling`: what an autoscaler saw, what it wanted, and what came of it.

Needs kube-state-metrics; a part needs KEDA's metrics by the chart's monitor, another those of Ray.
"""

from k8s.grafana.dashboard import CHOSEN, Dashboard
from k8s.grafana.panels import Panel, Query, Row

NAMESPACE = 'namespace=~"$namespace"'
SCALER = "{{horizontalpodautoscaler}}"
KEDA = "{{scaledObject}}, {{metric}}"


def _hpa(what: str, more: str = "") -> str:
    return f"kube_horizontalpodautoscaler_{what}{{{NAMESPACE}{more}}}"


SIGNAL = Row(
    "What is seen",
    [
        Panel(
            "In flight",
            "trivet:inflight:sum, which is what scalers ask Prometheus for.",
            [Query(f"sum by (namespace, engine) (trivet:inflight:sum{{{CHOSEN}}})", "{{engine}} in {{namespace}}")],
        ),
        Panel(
            "In flight for each ready replica",
            "To be compared with what a replica is to have, beside this.",
            [
                Query(
                    f"sum by (namespace, engine) (trivet:inflight:sum{{{CHOSEN}}}) / "
                    f"sum by (namespace, engine) (trivet:replicas_ready:sum{{{CHOSEN}}})",
                    "{{engine}} in {{namespace}}",
                )
            ],
        ),
        Panel(
            "Targets and values of the autoscalers",
            "In flight of a replica; CPU in percent of the request.",
            [
                Query(_hpa("spec_target_metric"), f"{SCALER}: {{{{metric_name}}}}, target"),
                Query(_hpa("status_target_metric"), f"{SCALER}: {{{{metric_name}}}}, now"),
            ],
        ),
    ],
)

DECISIONS = Row(
    "What is wanted, and what is there",
    [
        Panel(
            "Desired and current replicas",
            "Desired above current for long: pods do not become ready.",
            [
                Query(_hpa("status_desired_replicas"), f"{SCALER}, desired"),
                Query(_hpa("status_current_replicas"), f"{SCALER}, current"),
            ],
        ),
        Panel(
            "Bounds",
            "Desired at the maximum for long: raise it, or expect 429.",
            [
                Query(_hpa("spec_max_replicas"), f"{SCALER}, maximum"),
                Query(_hpa("spec_min_replicas"), f"{SCALER}, minimum"),
            ],
        ),
        Panel(
            "Pods of the Deployments",
            "Wanted, and ready for requests by Kubernetes' word.",
            [
                Query(f"kube_deployment_spec_replicas{{{NAMESPACE}}}", "{{deployment}}, wanted"),
                Query(f"kube_deployment_status_replicas_ready{{{NAMESPACE}}}", "{{deployment}}, ready"),
            ],
        ),
        Panel(
            "Autoscalers that cannot tell",
            "1: a metric is missing, and the number of replicas stays.",
            [Query(_hpa("status_condition", ',condition="ScalingActive",status="false"'), SCALER)],
            "bool_yes_no",
        ),
        Panel(
            "Autoscalers that are held back",
            "1: desired is cut to a bound.",
            [Query(_hpa("status_condition", ',condition="ScalingLimited",status="true"'), SCALER)],
            "bool_yes_no",
        ),
        Panel(
            "Replicas on Ray",
            "Of the Serve deployments: wanted where Ray scales, and those that are healthy.",
            [
                Query(
                    f"sum by (deployment) (ray_serve_autoscaling_target_replicas{{{NAMESPACE}}})",
                    "{{deployment}}, wanted",
                ),
                Query(
                    f"sum by (deployment) (ray_serve_deployment_replica_healthy{{{NAMESPACE}}})",
                    "{{deployment}}, healthy",
                ),
            ],
        ),
    ],
)

SCALERS = Row(
    "KEDA",
    [
        Panel(
            "Values of the scalers",
            "What each trigger gave to the autoscaler.",
            [Query(f"keda_scaler_metrics_value{{{NAMESPACE}}}", KEDA)],
            width=12,
        ),
        Panel(
            "Failing queries",
            "Above 0: the scaler has no value. After three, it scales by its fallback.",
            [Query(f"rate(keda_scaler_detail_errors_total{{{NAMESPACE}}}[$__rate_interval])", KEDA)],
            "ops",
            width=12,
        ),
    ],
)

DASHBOARD = Dashboard(
    "scaling",
    "Trivet: scaling",
    "What an autoscaler saw, what it wanted, and what came of it.",
    [SIGNAL, DECISIONS, SCALERS],
)
