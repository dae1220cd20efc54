"""A dashboard: its variables, links and panels, in the classic JSON that Grafana's sidecar takes."""

from collections.abc import Sequence
from dataclasses import dataclass

from k8s.grafana.panels import DATASOURCE, Json, Row, laid_out

# Of the classic schema: that of Grafana 11, which every newer one reads.
SCHEMA_VERSION = 39
TAG = "trivet"
# What the variables choose, as a selector of the series that say all three.
CHOSEN = 'namespace=~"$namespace",engine=~"$engine",model=~"$model"'
# What changed at that moment, over every panel.
SWAPS = (
    "sum by (engine, model, outcome) (increase(inference_model_reloads_total"
    f'{{{CHOSEN},outcome=~"swapped|restored"}}[$__rate_interval])) > 0'
)


@dataclass(frozen=True)
class Dashboard:
    """What a dashboard shows. name: of its file, and the end of its uid, which links use."""

    name: str
    title: str
    description: str
    rows: Sequence[Row]

    def as_json(self) -> Json:
        """Return what Grafana imports."""
        return {
            "uid": f"trivet-{self.name}",
            "title": self.title,
            "description": self.description,
            "tags": [TAG],
            "schemaVersion": SCHEMA_VERSION,
            "version": 1,
            "editable": False,
            "graphTooltip": 1,
            "refresh": "30s",
            "timezone": "browser",
            "time": {"from": "now-1h", "to": "now"},
            "templating": {"list": _variables()},
            "annotations": {"list": [_swaps()]},
            "links": [_link()],
            "panels": list(laid_out(self.rows)),
        }


def _variables() -> list[Json]:
    series = "trivet:inflight:sum"
    return [
        {
            "name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "regex": "",
            "hide": 0, "refresh": 1, "multi": False, "includeAll": False, "current": {}, "options": [],
        },
        _variable("namespace", f"label_values({series}, namespace)"),
        _variable("engine", f'label_values({series}{{namespace=~"$namespace"}}, engine)'),
        _variable("model", f'label_values({series}{{namespace=~"$namespace",engine=~"$engine"}}, model)'),
    ]  # fmt: skip


def _variable(name: str, query: str) -> Json:
    return {
        "name": name, "label": name.capitalize(), "type": "query", "datasource": DATASOURCE, "definition": query,
        "query": {"qryType": 5, "query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery"},
        "hide": 0, "refresh": 2, "sort": 1, "regex": "", "multi": True, "includeAll": True, "allValue": ".*",
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]}, "options": [],
    }  # fmt: skip


def _swaps() -> Json:
    return {
        "name": "Another version", "datasource": DATASOURCE, "enable": True, "hide": False, "iconColor": "blue",
        "expr": SWAPS, "titleFormat": "{{model}} on {{engine}}: {{outcome}}", "step": "30s", "useValueForTime": False,
    }  # fmt: skip


def _link() -> Json:
    return {
        "type": "dashboards", "title": "Trivet", "tags": [TAG], "asDropdown": False, "includeVars": True,
        "keepTime": True, "targetBlank": False, "icon": "external link", "tooltip": "", "url": "",
    }  # fmt: skip
