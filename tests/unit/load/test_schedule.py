"""Profiles, and the intended times that follow from them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.load.schedule import PROFILES, Segment, times, total

RATES = st.floats(0.5, 500)
SEGMENTS = st.lists(
    st.builds(Segment, seconds=st.floats(0.1, 20), start_rate=st.floats(0, 200), end_rate=st.floats(0, 200)),
    min_size=1,
    max_size=6,
)


def test_a_constant_rate_is_even():
    found = times(PROFILES["constant"](1, 10, 2.0))

    assert found.tolist() == pytest.approx([number / 10 for number in range(20)])


def test_a_ramp_sends_as_many_as_its_mean_rate_and_most_at_its_end():
    found = times(PROFILES["ramp"](0, 100, 10.0))

    assert len(found) == 500
    assert np.histogram(found, bins=10, range=(0, 10))[0].tolist() == pytest.approx(np.arange(5, 100, 10), abs=1)


def test_steps_rise_from_the_lowest_rate_to_the_highest():
    found = times(PROFILES["step"](10, 50, 5.0))

    assert np.histogram(found, bins=5, range=(0, 5))[0].tolist() == [10, 20, 30, 40, 50]


def test_a_spike_is_in_the_middle():
    found = times(PROFILES["spike"](10, 200, 10.0))

    assert np.histogram(found, bins=5, range=(0, 10))[0].tolist() == [20, 20, 400, 20, 20]


def test_a_day_is_quiet_at_four_and_busy_at_sixteen():
    found = times(PROFILES["day"](10, 100, 24.0))

    hours = np.histogram(found, bins=24, range=(0, 24))[0]
    assert set(hours.argsort()[:2]) == {3, 4}
    assert set(hours.argsort()[-2:]) == {15, 16}
    assert 10 <= hours.min() <= 12 and 98 <= hours.max() <= 100


@given(SEGMENTS)
def test_any_profile_has_its_number_of_times_in_order_and_within_it(segments):
    found = times(segments)

    assert len(found) == pytest.approx(total(segments), abs=1)
    assert (np.diff(found) >= 0).all()
    if len(found):
        assert found[0] >= 0 and found[-1] <= sum(segment.seconds for segment in segments) + 1e-9


@given(SEGMENTS, st.integers(0, 19))
def test_by_any_time_as_many_are_due_as_the_rates_add_up_to(segments, share):
    found = times(segments)
    until = sum(segment.seconds for segment in segments) * share / 20

    done, left = 0.0, until
    for seconds, start, end in segments:
        part = min(seconds, left)
        done += part * (start + (start + (end - start) * part / seconds)) / 2
        left -= part

    assert (found < until).sum() == pytest.approx(done, abs=1.001)


@given(st.sampled_from(sorted(PROFILES)), RATES, RATES, st.floats(0.1, 60))
def test_every_profile_stays_between_its_rates_and_keeps_its_length(name, one, other, seconds):
    low, high = sorted((one, other))

    segments = PROFILES[name](low, high, seconds)

    assert sum(segment.seconds for segment in segments) == pytest.approx(seconds)
    for segment in segments:
        assert low - 1e-9 <= min(segment[1:]) and max(segment[1:]) <= high + 1e-9


def test_random_times_are_as_many_and_their_distances_exponential():
    segments = PROFILES["constant"](1, 100, 200.0)

    found = times(segments, np.random.default_rng(1))

    distances = np.diff(found)
    assert len(found) == 20_000
    assert distances.mean() == pytest.approx(0.01, rel=0.03)
    assert distances.std() == pytest.approx(0.01, rel=0.05)
    assert found.tolist() == times(segments, np.random.default_rng(1)).tolist()
