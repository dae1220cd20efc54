"""The charts' own autoscalers can be simulated, as they are rendered."""

import numpy as np
import pytest

from k8s.helm import render
from services.simulate.manifest import find
from services.simulate.objects import Asked, load
from services.simulate.queueing import Replica
from services.simulate.run import Timing, simulate
from services.simulate.trace import Trace

KEDA = {"mode": "keda", "minReplicas": 2, "maxReplicas": 9}
# An hour: calm, busy without Prometheus from the middle of it, calm again.
RATES = np.repeat([20.0, 500.0, 500.0, 20.0], 900)
STATES = np.repeat(np.array([0, 0, 1, 0], np.int8), 900)


@pytest.mark.parametrize(
    ("chart", "values", "bounds"),
    [
        ("model-server", {"autoscaling": {"minReplicas": 2, "maxReplicas": 9}}, (2, 9)),
        ("model-server", {"autoscaling": KEDA}, (2, 9)),
        ("model-server", {"autoscaling": {"mode": "none"}, "replicaCount": 4}, (4, 4)),
        ("ray-service", {"serve": {"autoscaling": {"min_replicas": 2, "max_replicas": 4}}}, (2, 4)),
        ("ray-service", {"serve": {"autoscaling": {"max_replicas": 4, "prometheus": True}}}, (1, 4)),
    ],
)
def test_the_rendered_autoscaler_keeps_its_bounds_and_uses_them(chart, values, bounds):
    found = find(load(render(chart, values, release="x")), Asked())

    run = simulate(Trace(RATES, STATES), found.scaler(), Replica(0.01), Timing(), cpu_limit=found.cpu_limit)

    assert (run.replicas.min(), run.replicas.max()) == bounds


def test_keda_as_the_chart_configures_it_never_shrinks_while_prometheus_is_away():
    found = find(load(render("model-server", {"autoscaling": KEDA}, release="x")), Asked())

    run = simulate(Trace(RATES, STATES), found.scaler(), Replica(0.01), Timing())

    away = run.replicas[STATES == 1]
    assert away[0] > KEDA["minReplicas"] and (np.diff(away) >= 0).all()
