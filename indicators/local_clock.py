"""What hangs on the local clock and calendar: the selectors of thresholds, and days that are not ordinary.

All moments are instants; the clock of a place decides what hour, weekday or month it is. A stretch that passes
midnight belongs to the day on which it began: ``fri 22:00-04:00`` holds on Saturday at 02:00.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from schemas.config import Config
from schemas.settings import When

DAY = timedelta(days=1)
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MIDNIGHT = 24 * 60


def holds(when: When, at: datetime, tz: ZoneInfo) -> bool:
    """Whether a selector holds for an interval that starts at ``at``."""
    local = at.astimezone(tz)
    day = local.date()
    if when.time:
        start, end = stretch(when.time)
        minute = local.hour * 60 + local.minute
        inside = start <= minute < end if start < end else (minute >= start or minute < end)
        if not inside:
            return False
        if end <= start and minute < end:
            day -= DAY
    in_week = when.weekdays is None or _WEEKDAYS[day.weekday()] in when.weekdays
    return in_week and (when.months is None or day.month in when.months)


def stretch(text: str) -> tuple[int, int]:
    """Minutes of the day of ``18:00-23:00``, start included, end not; an end before the start lies on the next day."""
    start, end = (int(t[:2]) * 60 + int(t[3:]) for t in text.split("-"))
    return start, end


def share(when: When) -> float:
    """The part of a year that a selector picks: of two with as many conditions, the smaller is the narrower."""
    start, end = stretch(when.time) if when.time else (0, _MIDNIGHT)
    return (
        ((end - start) % _MIDNIGHT or _MIDNIGHT)
        / _MIDNIGHT
        * len(when.weekdays or range(7))
        / 7
        * len(when.months or range(12))
        / 12
    )


@lru_cache(maxsize=256)
def timeline(
    selectors: frozenset[When], start: datetime, end: datetime, tz: ZoneInfo
) -> tuple[tuple[datetime, frozenset[When]], ...]:
    """Which selectors hold from when on: the first at ``start``, then each instant before ``end`` at which that changes."""
    found: list[tuple[datetime, frozenset[When]]] = []
    for at in [start, *_cuts(selectors, start, end, tz)]:
        held = frozenset(when for when in selectors if holds(when, at, tz))
        if not found or found[-1][1] != held:
            found.append((at, held))
    return tuple(found)


def _cuts(selectors: frozenset[When], start: datetime, end: datetime, tz: ZoneInfo) -> list[datetime]:
    """Instants inside (start, end) at which a selector may begin or cease to hold, in order.

    A clock time that comes twice counts both times; where the clock is put forward or back is a cut too.
    """
    minutes = {m % _MIDNIGHT for when in selectors for m in (stretch(when.time) if when.time else (0,))}
    found: set[datetime] = set()
    for day in days(start.astimezone(tz).date(), end.astimezone(tz).date()):
        for minute in minutes:
            local = datetime.combine(day, time(minute // 60, minute % 60), tz)
            found |= {local.astimezone(UTC), local.replace(fold=1).astimezone(UTC)}
        found |= _clock_change(day, tz)
    return sorted(t for t in found if start < t < end)


def _clock_change(day: date, tz: ZoneInfo) -> set[datetime]:
    """The instant at which the clock is put forward or back on a local day, if it is."""
    low, high = (datetime.combine(d, time(), tz).astimezone(UTC) for d in (day, day + DAY))
    before = low.astimezone(tz).utcoffset()
    if high.astimezone(tz).utcoffset() == before:
        return set()
    while high - low > timedelta(minutes=1):
        middle = low + (high - low) // 2
        middle -= timedelta(seconds=middle.second, microseconds=middle.microsecond)
        middle = max(middle, low + timedelta(minutes=1))
        low, high = (middle, high) if middle.astimezone(tz).utcoffset() == before else (low, middle)
    return {high}


def days(first: date, last: date) -> Iterator[date]:
    """All days from first to last, both included."""
    return (first + timedelta(days=n) for n in range((last - first).days + 1))


def holidays_and_event_days(config: Config, start_date: date, end_date: date) -> tuple[set[date], set[date]]:
    """Public holidays and event days among the local days start_date…end_date, both included (rule 18).

    Event days are the municipality's ``event_days``, the days of its ``event_series``, and all local days on which an event
    with ``excluded_from_baseline`` is going on. A day may be both. Raises KeyError for a country or subdivision that the
    ``holidays`` package does not know (``config check`` says so first).
    """
    wanted = set(days(start_date, end_date))
    listed: set[date] = set()
    for year in range(start_date.year, end_date.year + 1):
        listed |= public_holidays(config.municipality.holidays, year)
    town = config.municipality
    events = {day for series in (town.event_days, *town.event_series.values()) for day in series}
    for event in town.events:
        if event.excluded_from_baseline:
            events |= set(touched(event.from_, event.to, config.tz))
    return listed & wanted, events & wanted


def touched(start: datetime, end: datetime, tz: ZoneInfo) -> Iterator[date]:
    """Local days that [start, end) touches."""
    return days(start.astimezone(tz).date(), (end - timedelta(microseconds=1)).astimezone(tz).date())


def edition_days(config: Config) -> dict[date, tuple[date, ...]]:
    """Local day of an edition → the same day of the earlier editions of its series, newest first (rule 18).

    Days of a series that follow each other are one edition; its days are matched by their number, counted from the first.
    """
    town = config.municipality
    series: dict[str, set[date]] = {name: set(listed) for name, listed in town.event_series.items()}
    for event in town.events:
        if event.series:
            series.setdefault(event.series, set()).update(touched(event.from_, event.to, config.tz))
    earlier: dict[date, set[date]] = {}
    for listed in series.values():
        starts = sorted(day for day in listed if day - DAY not in listed)
        for start, other in ((s, o) for s in starts for o in starts if o < s):
            for day in _run(start, listed):
                if day - start + other in set(_run(other, listed)):
                    earlier.setdefault(day, set()).add(day - start + other)
    return {day: tuple(sorted(found, reverse=True)) for day, found in earlier.items()}


def _run(start: date, listed: set[date]) -> Iterator[date]:
    """``start`` and the days that follow it without a gap."""
    while start in listed:
        yield start
        start += DAY


@lru_cache(maxsize=256)
def public_holidays(code: str, year: int) -> frozenset[date]:
    """Public holidays of a country (``NL``) or a part of it (``AU-VIC``). Raises KeyError when the code is not known."""
    import holidays  # late: it is only needed where days are compared

    country, _, part = code.partition("-")
    try:
        return frozenset(holidays.country_holidays(country, subdiv=part or None, years=year))
    except NotImplementedError:
        raise KeyError(code) from None
