"""Cron expressions and the windows between two."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.simulate.cron import Window, parse

# A Monday.
NOW = datetime(2026, 1, 5, 10, 30, 15, tzinfo=UTC)
FIELDS = (
    st.integers(0, 59),
    st.integers(0, 23),
    st.integers(1, 28),
    st.integers(1, 12),
    st.integers(0, 6),
)


@pytest.mark.parametrize(
    ("text", "following"),
    [
        ("* * * * *", datetime(2026, 1, 5, 10, 31)),
        ("*/15 * * * *", datetime(2026, 1, 5, 10, 45)),
        ("0 8 * * *", datetime(2026, 1, 6, 8, 0)),
        ("0 8 * * 1-5", datetime(2026, 1, 6, 8, 0)),
        ("0 8 * * sat,sun", datetime(2026, 1, 10, 8, 0)),
        ("5/20 10 * * *", datetime(2026, 1, 5, 10, 45)),
        ("0 0 1 mar *", datetime(2026, 3, 1)),
        ("0 0 29 2 *", datetime(2028, 2, 29)),
        ("0 0 13 * 5", datetime(2026, 1, 9)),
        ("0 0 ? * 5", datetime(2026, 1, 9)),
    ],
)
def test_the_next_minute_that_an_expression_names(text, following):
    assert parse(text).next_after(NOW) == following.replace(tzinfo=UTC)


def test_a_day_that_never_comes_is_none():
    assert parse("0 0 30 2 *").next_after(NOW) is None


@pytest.mark.parametrize(
    "text",
    [
        *("", "* * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 7"),
        *("5-1 * * * *", "*/0 * * * *", "a * * * *", "1,,2 * * * *", "1-2-3 * * * *"),
    ],
)
def test_what_is_no_expression_is_refused(text):
    with pytest.raises(ValueError, match="expected"):
        parse(text)


@pytest.mark.parametrize("zone", ["", "Nowhere/There", "../etc", "\x00"])
def test_a_zone_that_is_unknown_is_refused(zone):
    with pytest.raises(ValueError, match="time zone"):
        Window("0 8 * * *", "0 9 * * *", zone, NOW)


def test_a_window_over_midnight_is_open_at_both_sides_of_it():
    window = Window("0 22 * * *", "0 2 * * *", "UTC", datetime(2026, 1, 5, tzinfo=UTC))

    assert [window.includes(hour * 3600.0) for hour in (0, 1, 3, 12, 21, 22, 23, 25, 26)] == [
        True, True, False, False, False, True, True, True, False,
    ]  # fmt: skip


@given(st.tuples(*FIELDS))
def test_the_next_minute_is_after_now_and_matches(fields):
    minute, hour, day, month, _ = fields
    found = parse(f"{minute} {hour} {day} {month} *").next_after(NOW)

    assert found and found > NOW
    assert (found.minute, found.hour, found.day, found.month) == (minute, hour, day, month)


@given(st.text(alphabet="0123456789*/,-? monjan", max_size=30) | st.text(max_size=20))
def test_any_text_is_read_or_refused(text):
    try:
        parse(text).next_after(NOW)
    except ValueError as error:
        assert "expected" in str(error)
