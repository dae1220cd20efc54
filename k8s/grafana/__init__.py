"""Grafana's dashboards from code. `make render` writes them to helm/observability/dashboards/."""

import json
from pathlib import Path

from k8s.grafana import engines, on_call, scaling
from k8s.helm import CHARTS

FOLDER = CHARTS / "observability" / "dashboards"
DASHBOARDS = (on_call.DASHBOARD, engines.DASHBOARD, scaling.DASHBOARD)


def pages() -> dict[Path, str]:
    """Return what the file of each dashboard should hold."""
    return {
        FOLDER / f"{dashboard.name}.json": json.dumps(dashboard.as_json(), indent=2, ensure_ascii=False) + "\n"
        for dashboard in DASHBOARDS
    }
