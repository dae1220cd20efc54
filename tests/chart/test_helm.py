"""Helm's engine itself, as the other tests use it."""

from k8s.helm import CHARTS, render


def test_every_chart_renders_with_its_own_values():
    charts = sorted(file.parent.name for file in CHARTS.glob("*/Chart.yaml"))

    assert all(render(chart, release="demo") for chart in charts)
