"""Triggers that look ahead: what a query says, the line that Prometheus draws, and what replicas gain by it."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.simulate import forecast
from services.simulate.forecast import Forecast
from services.simulate.hpa_spec import Behavior, Hpa, Metric, Signal, Target
from services.simulate.keda import KedaScaler
from services.simulate.keda_spec import Keda, Trigger
from services.simulate.objects import Asked, signal_of
from services.simulate.queueing import Replica
from services.simulate.run import Timing, simulate
from services.simulate.trace import Trace

SERIES = 'trivet:inflight:sum{namespace="a",engine="fastapi"}'
START = 'scalar(max(trivet:cold_start_seconds:max{namespace="a"}) or vector(30))'
OF_THE_CHART = f"clamp_max(sum(predict_linear({SERIES}[600s], {START})), scalar(2.5 * sum({SERIES}))) >= 0"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (OF_THE_CHART, Forecast(600, None, 2.5)),
        (f"sum(predict_linear({SERIES}[10m], 45))", Forecast(600, 45.0)),
        (f"predict_linear({SERIES}[1h], 90.5)", Forecast(3600, 90.5)),
        (f"sum({SERIES})", None),
        ("predict_linear(rate(asked[1m])[10m:15s], 45)", None),
        (f"predict_linear({SERIES}[10m], 45) + predict_linear({SERIES}[20m], 45)", None),
        ("", None),
    ],
)
def test_a_query_says_how_far_it_looks(query, found):
    assert forecast.read(query) == found


@given(st.text(max_size=80))
def test_no_text_breaks_it(query):
    assert forecast.read(f"predict_linear(trivet:inflight:sum[{query}") is None or "]" in query


def test_what_looks_ahead_in_another_way_is_refused():
    assert signal_of("forecast", OF_THE_CHART, Asked()) == Forecast(600, None, 2.5)
    assert signal_of("forecast", OF_THE_CHART, Asked(signals={"forecast": Signal.IN_FLIGHT})) is Signal.IN_FLIGHT
    with pytest.raises(ValueError, match="what does forecast measure"):
        signal_of("forecast", f"sum({SERIES} offset 1w)", Asked())


@given(st.floats(-5, 5), st.floats(0, 1000), st.floats(0, 300), st.integers(2, 40))
def test_a_line_is_continued_exactly(slope, now, ahead, count):
    since = np.arange(-15.0 * (count - 1), 1, 15)

    value = forecast.expected(since, now + slope * since, Forecast(600, ahead), 0.0)

    assert value == pytest.approx(now + slope * ahead, abs=1e-6)


def test_growth_is_bounded_by_what_there_is_now_and_one_sample_is_no_trend():
    since, recorded = np.array([-15.0, 0.0]), np.array([10.0, 20.0])

    assert forecast.expected(since, recorded, Forecast(600, None, 2.0), 300.0) == 40.0
    assert math.isnan(forecast.expected(since[:1], recorded[:1], Forecast(600), 300.0))


def test_the_rule_records_the_mean_of_the_last_minute_and_nothing_without_a_replica():
    in_flight = np.concatenate((np.full(60, 6.0), np.zeros(60), np.full(10, 9.0)))
    ready = np.ones(130)
    ready[:80] = 0

    since, recorded = forecast.samples(in_flight, ready, 600, 60)

    assert since.tolist() == [-45.0, -30.0, -15.0, 0.0]
    assert recorded == pytest.approx([6 * 35 / 60, 6 * 20 / 60, 6 * 5 / 60, 9 * 10 / 60])


def test_replicas_that_look_ahead_are_there_before_a_load_that_climbs():
    rates = np.linspace(50, 2500, 1800)
    trace = Trace(rates, np.zeros(len(rates), np.int8))
    seen = Metric("in-flight", Target("AverageValue", 800), Signal.IN_FLIGHT)
    ahead = Metric("forecast", Target("AverageValue", 800), Forecast(600, None, 2.0))

    def ready_with(*metrics):
        hpa = Hpa(1, 50, metrics, Behavior())
        scaler = KedaScaler(Keda(hpa, tuple(Trigger(metric.name) for metric in metrics), 1))
        return simulate(trace, scaler, Replica(0.01), Timing(60, 15))

    plain, forecasting = ready_with(seen), ready_with(seen, ahead)

    # After the past that a line needs. In a minute's start the load climbs by 0.8 of what a replica can do.
    assert forecasting.ready[900:].mean() - plain.ready[900:].mean() == pytest.approx(0.8, abs=0.4)
