"""Editions of a series: what a config says of them, and which earlier days they are compared with."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest

from indicators.local_clock import edition_days, holidays_and_event_days
from schemas.problems import Problems
from schemas.settings import Event
from tests.indicators.a_town import town


def event(series: str | None, start: str, end: str, **more: object) -> Event:
    return Event.model_validate({"event": "e", "name": {"nl": "e", "en": "e"}, "class": "B", "from": start, "to": end, "places": {},
                                 "series": series, **more})  # fmt: skip


def config(events: tuple[Event, ...] = (), event_days: tuple[date, ...] = (), **series: list[date]) -> SimpleNamespace:
    named = {name.replace("_", "-"): tuple(days) for name, days in series.items()}
    settings = SimpleNamespace(events=events, event_days=event_days, event_series=named, holidays="NL")
    return SimpleNamespace(municipality=settings, tz=ZoneInfo("Europe/Amsterdam"))


def test_kings_day_is_compared_with_earlier_ones_on_another_weekday_newest_first():
    found = edition_days(config(kings_day=[date(2026, 4, 27), date(2024, 4, 27), date(2025, 4, 26)]))
    assert found == {
        date(2025, 4, 26): (date(2024, 4, 27),),
        date(2026, 4, 27): (date(2025, 4, 26), date(2024, 4, 27)),
    }


def test_days_that_follow_each_other_are_one_edition_matched_by_number():
    """New Year's Eve and the night after it; the year in which only the first day was listed has no second."""
    turns = [date(2023, 12, 31), date(2024, 12, 31), date(2025, 1, 1), date(2025, 12, 31), date(2026, 1, 1)]
    found = edition_days(config(new_years_eve=turns))
    assert found[date(2025, 12, 31)] == (date(2024, 12, 31), date(2023, 12, 31))
    assert found[date(2026, 1, 1)] == (date(2025, 1, 1),)
    assert date(2025, 1, 1) not in found


def test_an_event_with_its_hours_continues_a_series_of_listed_days():
    """An evening that ends after midnight touches two local days."""
    now = event("fair", "2026-06-20T18:00+02:00", "2026-06-21T01:00+02:00")
    found = edition_days(config((now,), fair=[date(2025, 6, 21), date(2025, 6, 22)]))
    assert found == {date(2026, 6, 20): (date(2025, 6, 21),), date(2026, 6, 21): (date(2025, 6, 22),)}


def test_series_stand_apart_and_an_event_without_one_is_compared_with_none():
    lone, other = event(None, "2026-06-20T18:00Z", "2026-06-20T20:00Z"), event("b", "2026-06-20T18:00Z", "2026-06-20T20:00Z")
    assert edition_days(config((lone, other), a=[date(2025, 6, 21)])) == {}


def test_an_event_that_ends_at_midnight_does_not_touch_the_next_day():
    now = event("fair", "2026-06-20T18:00+02:00", "2026-06-21T00:00+02:00")
    assert list(edition_days(config((now,), fair=[date(2025, 6, 21), date(2025, 6, 22)]))) == [date(2026, 6, 20)]


def test_days_of_a_series_are_event_days_like_the_plain_ones():
    holidays, events = holidays_and_event_days(
        config((event("fair", "2026-06-20T18:00+02:00", "2026-06-21T01:00+02:00", excluded_from_baseline=False),), (date(2026, 1, 3),),
               kings_day=[date(2026, 4, 27)]),
        date(2026, 1, 1), date(2026, 12, 31),
    )  # fmt: skip
    assert events == {date(2026, 1, 3), date(2026, 4, 27)}
    assert date(2026, 4, 27) in holidays


def test_a_config_file_with_plain_days_series_and_freezes_is_read(tmp_path: Path):
    more = """flags:
  []
event_days: [2026-05-05]
event_series:
  kings-day: [2024-04-27, 2025-04-26, 2026-04-27]
freezes:
  - {places: [square], until: 2026-05-31, reason: agreed for the evaluation, owner: crowd-manager, decided_on: 2026-06-02}
"""
    read = _town(tmp_path / "a", more)
    assert edition_days(read)[date(2026, 4, 27)] == (date(2025, 4, 26), date(2024, 4, 27))
    assert date(2026, 5, 5) in holidays_and_event_days(read, date(2026, 1, 1), date(2026, 12, 31))[1]
    assert read.municipality.freezes[0].until == date(2026, 5, 31)
    for wrong, told in (
        ("[square]", "[sqare]"),
        ("owner: crowd-manager, decided", "owner: nobody, decided"),
        ("2026-04-27]", "soon]"),
    ):
        with pytest.raises(Problems) as raised:
            _town(tmp_path / told[1:4], more.replace(wrong, told))
        assert all(p.line > 0 for p in raised.value.problems)


def _town(folder: Path, more: str):
    from tests.schemas import a_config

    text = a_config.TOWN
    start = text.index("flags:")
    end = text.find("\n\n", start)
    return town(folder, changes=((text[start:end] if end > 0 else text[start:], more),))
