"""Decision 4.7: one frequent schedule, and a calendar that says what is due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pipelines import calendar
from schemas.settings import Event, Municipality


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-06-20T{text}").replace(tzinfo=UTC)


def event(start: str, end: str, pace: str | None) -> Event:
    return Event.model_validate({
        "event": "feest", "name": {"nl": "Feest", "en": "Feast"}, "class": "B", "places": {},
        "from": at(start), "to": at(end), "pace": pace,
    })  # fmt: skip


def town(pace: str = "15min", *events: Event) -> Municipality:
    """A municipality with just what the calendar reads."""
    minutes = int(pace.removesuffix("min"))
    return Municipality.model_construct(municipality="town", pace=timedelta(minutes=minutes), events=events)


EVENING = town("15min", event("18:00", "23:00", "5min"))


@pytest.mark.parametrize(
    ("now", "last", "due"),
    [
        ("12:00", None, True),  # there was none
        ("12:14:59", "12:00", False),
        ("12:15", "12:00", True),
        ("12:16", "12:15:04", False),
        ("12:30", "12:29:59", True),  # a late run does not shift the ones after it
        ("12:15", "12:15", False),  # the same moment twice
        ("12:15", "13:00", False),  # the clock went back
        ("17:55", "17:45", False),  # before the event
        ("18:00", "17:59", True),  # the event is half-open: [from, to)
        ("18:05", "18:00", True),
        ("22:55", "22:50", True),
        ("23:05", "23:00", False),  # after it
        ("23:15", "23:00", True),
    ],
)
def test_due(now: str, last: str | None, due: bool) -> None:
    assert calendar.due(EVENING, at(now), at(last) if last else None) is due


def test_the_fastest_event_counts_and_one_without_pace_changes_nothing() -> None:
    both = town("15min", event("18:00", "23:00", "10min"), event("20:00", "21:00", "1min"), event("00:00", "23:59", None))
    assert calendar.pace(both, at("17:00")) == timedelta(minutes=15)
    assert calendar.pace(both, at("18:00")) == timedelta(minutes=10)
    assert calendar.pace(both, at("20:30")) == timedelta(minutes=1)
    assert calendar.pace(both, at("21:00")) == timedelta(minutes=10)


def test_a_slower_event_does_not_slow_the_municipality() -> None:
    assert calendar.pace(town("15min", event("18:00", "23:00", "60min")), at("19:00")) == timedelta(minutes=15)


def test_waking_at_the_finest_step_misses_no_due_moment() -> None:
    towns = [town("15min", event("18:00", "23:00", "10min")), town("15min")]
    step = calendar.finest(towns, at("12:00"))
    assert step == timedelta(minutes=5)
    assert calendar.finest(towns, at("23:00")) == timedelta(minutes=15)  # the event is over
    moments, last = [], None
    now = at("17:00")
    while now < at("19:00"):
        if calendar.due(towns[0], now, last):
            moments.append(f"{now:%H:%M}")
            last = now
        now += step
    assert moments == ["17:00", "17:15", "17:30", "17:45", "18:00", "18:10", "18:20", "18:30", "18:40", "18:50"]
