"""Cron expressions of five fields, and the windows between two of them that a cron trigger of KEDA opens.

Source: the format of github.com/robfig/cron v3, which KEDA reads them with; pkg/scalers/cron_scaler.go.
"""

import calendar
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_MONTHS = {name.lower(): number for number, name in enumerate(calendar.month_abbr) if name}
_DAYS = {"sun": 0, "mon": 1, "tue": 2, "wed": 3, "thu": 4, "fri": 5, "sat": 6}
_FIELDS: tuple[tuple[str, int, int, dict[str, int]], ...] = (
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day of the month", 1, 31, {}),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 6, _DAYS),
)
# The rarest expression, the 29th of February, comes again after at most eight years.
SEARCH_DAYS = 8 * 366


class Cron(NamedTuple):
    """The minutes, hours and days that an expression names; any_day: both fields of days were left open by a star."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    starred: bool

    def next_after(self, moment: datetime) -> datetime | None:
        """Return the first minute after a moment, in its time zone; None when there is none, as on 30 February."""
        start = moment.replace(second=0, microsecond=0) + timedelta(minutes=1)
        for number in range(SEARCH_DAYS):
            day = (start + timedelta(days=number)).date()
            if not self._names(day.day, day.month, day.isoweekday() % 7):
                continue
            for hour in sorted(self.hours):
                for minute in sorted(self.minutes):
                    found = datetime(day.year, day.month, day.day, hour, minute, tzinfo=moment.tzinfo)
                    if found >= start:
                        return found
        return None

    def _names(self, day: int, month: int, weekday: int) -> bool:
        if month not in self.months:
            return False
        by_day, by_weekday = day in self.days, weekday in self.weekdays
        # Where both are limited, either is enough.
        return (by_day and by_weekday) if self.starred else (by_day or by_weekday)


def parse(text: str) -> Cron:
    """Read `minute hour day month weekday`. Raises ValueError."""
    parts = text.split()
    if len(parts) != len(_FIELDS):
        raise ValueError(f"{text!r} is no cron expression: five fields were expected, as in '0 8 * * 1-5'")
    values = [_field(part, *field) for part, field in zip(parts, _FIELDS, strict=True)]
    starred = any(parts[at].startswith(("*", "?")) for at in (2, 4))
    return Cron(values[0], values[1], values[2], values[3], values[4], starred)


class Window:
    """The time from one expression to the next other. begins: when the simulation's time is zero."""

    def __init__(self, start: str, end: str, timezone: str, begins: datetime) -> None:
        """Raises ValueError."""
        self._start, self._end = parse(start), parse(end)
        try:
            self._zone = ZoneInfo(timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"{timezone!r} is no time zone: a name such as Europe/Berlin was expected") from error
        self._begins = begins
        self._known_until: datetime | None = None
        self._inside = False

    def includes(self, now_seconds: float) -> bool:
        """Whether the end comes before the next start."""
        now = self._begins + timedelta(seconds=now_seconds)
        if self._known_until is None or now >= self._known_until:
            local = now.astimezone(self._zone)
            start, end = self._start.next_after(local), self._end.next_after(local)
            self._inside = end is not None and (start is None or end <= start)
            known = [moment.astimezone(UTC) for moment in (start, end) if moment is not None]
            self._known_until = min(known, default=datetime.max.replace(tzinfo=UTC))
        return self._inside


def _field(text: str, name: str, low: int, high: int, names: dict[str, int]) -> frozenset[int]:
    found: set[int] = set()
    for part in text.lower().split(","):
        span, slash, step_text = part.partition("/")
        first, dash, last = span.partition("-")
        try:
            step = int(step_text) if slash else 1
            if span in ("*", "?"):
                begin, end = low, high
            else:
                begin = names[first] if first in names else int(first)
                end = (names[last] if last in names else int(last)) if dash else high if slash else begin
        except ValueError as error:
            raise ValueError(f"{text!r} is no {name}: numbers from {low} to {high} were expected") from error
        if not (low <= begin <= end <= high and 1 <= step <= high + 1):
            raise ValueError(f"{text!r} is no {name}: numbers from {low} to {high} were expected")
        found.update(range(begin, end + 1, step))
    return frozenset(found)
