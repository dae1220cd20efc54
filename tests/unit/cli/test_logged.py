"""What `trivet replay` and `trivet drift` share: moments, and what is told on the way."""

import io
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cli.logged import Progress, load_settings, moment
from services.progress_line import ERASED
from tests.unit.load.test_progress import Terminal
from tests.unit.parts import ManualClock

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-28", datetime(2026, 11, 28, tzinfo=UTC)),
        ("2026-11-28T14:00", datetime(2026, 11, 28, 14, tzinfo=UTC)),
        ("2026-11-28T14:00+02:00", NOW),
        ("90m", NOW - timedelta(minutes=90)),
        ("24h", NOW - timedelta(days=1)),
        ("7d", NOW - timedelta(days=7)),
    ],
)
def test_a_moment_is_read_in_utc(text, expected):
    assert moment(text, NOW) == expected


@pytest.mark.parametrize("text", ["", "yesterday", "7", "7w", "-7d", "999999d", "1e3h", "2026-13-01", "\u0667d"])
def test_anything_else_says_what_was_expected(text):
    with pytest.raises(ValueError, match="expected 2026-11-28"):
        moment(text, NOW)


@given(st.text(max_size=30) | st.datetimes().map(str) | st.from_regex(r"\d{1,4}-\d\d?-\d\d?T?[\d:+.]{0,12}"))
def test_any_text_is_a_moment_or_refused(text):
    try:
        found = moment(text, NOW)
    except ValueError as error:
        assert "is no moment" in str(error)
    else:
        assert found.utcoffset() == timedelta(0)


def told(stream):
    clock = ManualClock()
    progress = Progress(stream, clock)
    for page in range(1, 31):
        clock.now += 1
        progress(page * 500, page * 700)
    progress.end()
    return stream.getvalue()


def test_a_terminal_has_one_line_that_changes():
    text = told(Terminal())

    assert text.count("\n") == 0
    assert text.endswith(f"{ERASED}read      15,000 requests, 21,000 rows{ERASED}")


def test_elsewhere_a_line_comes_every_ten_seconds():
    assert told(io.StringIO()).splitlines() == [
        f"read      {requests:,} requests, {rows:,} rows"
        for requests, rows in ((5000, 7000), (10_000, 14_000), (15_000, 21_000))
    ]


def test_a_database_on_the_command_line_wins_over_a_file(monkeypatch, tmp_path):
    monkeypatch.setenv("TRIVET_DATABASE_URL_FILE", str(tmp_path / "url"))

    assert load_settings("models:/m/1", "sqlite:///x.db").database_url_file is None
    assert load_settings("models:/m/1", None).database_url_file == tmp_path / "url"
