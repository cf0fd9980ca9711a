"""Segments against a naive answer slot by slot, over nights in which the clock is put forward and back."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indicators.in_force import segments
from indicators.local_clock import holds, share, timeline
from schemas.config import Config
from schemas.settings import Event, Threshold, When
from tests.evidence import count
from tests.indicators.a_town import card, town

ZONE = ZoneInfo("Europe/Amsterdam")
SLOT = timedelta(minutes=15)
NIGHTS = (datetime(2026, 3, 27, 12, tzinfo=UTC), datetime(2026, 10, 23, 12, tzinfo=UTC))  # two days before either change
SPAN = timedelta(days=4)
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@cache
def _base() -> Config:
    with TemporaryDirectory() as folder:
        return town(Path(folder))


_CLOCK = st.builds(lambda q: f"{q // 4:02}:{q % 4 * 15:02}", st.integers(0, 95))
_SELECTORS = st.none() | st.builds(
    When,
    time=st.none() | st.tuples(_CLOCK, _CLOCK).filter(lambda t: t[0] != t[1]).map("-".join),
    weekdays=st.none() | st.lists(st.sampled_from(WEEKDAYS), min_size=1, max_size=3, unique=True).map(tuple),
    months=st.none() | st.sampled_from([(3,), (3, 10), (4, 11)]),
).filter(lambda w: w.narrowness > 0)


@st.composite
def _towns(draw: st.DrawFn) -> tuple[Config, datetime]:
    """A town with up to five thresholds and two events, and the moment from which it is looked at."""
    start = draw(st.sampled_from(NIGHTS))
    moments = st.builds(lambda q: start + q * SLOT, st.integers(-20, 400))
    events = []
    for name in ("one", "two")[: draw(st.integers(0, 2))]:
        begin, end = sorted(draw(st.tuples(moments, moments).filter(lambda m: m[0] != m[1])))
        fields: dict[str, Any] = {"event": name, "name": {"nl": "x", "en": "x"}, "class": "A", "from": begin, "to": end}
        events.append(Event.model_validate({**fields, "places": {"square": {}}}))
    targets: list[dict[str, Any]] = [{}, {"place": "square"}, {"place_type": "standing"}, {"place": "alley"}]
    targets += [{"event": e.event, **more} for e in events for more in ({}, {"place": "square"})]
    thresholds = []
    for _ in range(draw(st.integers(0, 5))):
        band = {"enter": draw(st.integers(1, 99)) / 10, "for": "5min", "keep_for": "5min"}
        fields = {
            "indicator": "density",
            "effective_from": draw(moments),
            "when": draw(_SELECTORS),
            **draw(st.sampled_from(targets)),
        }
        fields |= {"bands": {draw(st.sampled_from(["elevated", "high"])): band}, "owner": "r", "reason": "for a test"}
        thresholds.append(Threshold.model_validate({**fields, "decided_on": date(2026, 1, 1), "review_by": date(2027, 1, 1)}))
    update = {"thresholds": tuple(thresholds), "events": tuple(events)}
    return dataclasses.replace(_base(), municipality=_base().municipality.model_copy(update=update)), start


def _naive_holds(when: When | None, at: datetime) -> bool:
    if when is None:
        return True
    local = at.astimezone(ZONE)
    day, clock = local.date(), local.strftime("%H:%M")
    if when.time:
        begin, end = when.time.split("-")
        if begin < end and not begin <= clock < end:
            return False
        if begin > end and end <= clock < begin:
            return False
        if begin > end and clock < end:
            day -= timedelta(days=1)
    return (when.weekdays is None or WEEKDAYS[day.weekday()] in when.weekdays) and (
        when.months is None or day.month in when.months
    )


def _naive_edge(config: Config, band: str, at: datetime) -> float:
    """The edge of a band at the square for a slot that starts at ``at``: layer by layer, as rule 20 tells it."""
    edge = {"elevated": 2.5, "high": 3.5}[band]
    going_on = [e.event for e in config.municipality.events if e.from_ <= at < e.to]
    said = [
        (number, t) for number, t in enumerate(config.municipality.thresholds)
        if band in t.bands and t.effective_from <= at and _naive_holds(t.when, at)
        and t.place in (None, "square") and t.place_type in (None, "standing") and t.event in (None, *going_on)
    ]  # fmt: skip

    def narrowest(found: list[tuple[int, Threshold]]) -> float:
        def order(one: tuple[int, Threshold]) -> tuple[Any, ...]:
            number, t = one
            when = (t.when.narrowness, -share(t.when)) if t.when else (0, -1)
            return t.place is not None, *when, t.effective_from, number

        return max(found, key=order)[1].bands[band].enter  # type: ignore[index]

    for layer in ("municipality", "place_type", "place"):
        found = [(n, t) for n, t in said if t.layer == layer]
        edge = narrowest(found) if found else edge
    of_events = [narrowest(found) for name in going_on if (found := [(n, t) for n, t in said if t.event == name])]
    return min(of_events, default=edge)


@settings(max_examples=count(50, 2000), deadline=None)
@given(_towns())
def test_rule_20_and_21_segments_agree_with_a_slot_by_slot_answer(drawn: tuple[Config, datetime]) -> None:
    config, start = drawn
    parts = segments(config, card(), "square", start, start + SPAN)
    assert parts[0].start == start
    assert parts[-1].end == start + SPAN
    assert all(a.end == b.start and a.settings is not b.settings for a, b in pairwise(parts))
    at, place = start, 0
    while at < start + SPAN:
        place += at >= parts[place].end
        found = {name: band.enter for name, band in parts[place].settings.bands.items()}
        assert found == {band: _naive_edge(config, band, at) for band in ("elevated", "high")}, at
        at += SLOT


@settings(max_examples=count(50, 2000), deadline=None)
@given(_SELECTORS.filter(lambda w: w is not None), st.sampled_from(NIGHTS))
def test_a_selector_holds_by_the_local_clock_also_when_it_is_put_forward_or_back(when: When, start: datetime) -> None:
    line = dict(timeline(frozenset([when]), start, start + SPAN, ZONE))
    held: frozenset[When] = frozenset()
    for number in range(SPAN // SLOT):
        at = start + number * SLOT
        held = line.get(at, held)
        assert (when in held) == holds(when, at, ZONE) == _naive_holds(when, at)


@pytest.mark.parametrize(
    ("when", "holding"),
    [
        # The hour from 2 to 3 does not exist on 29 March and comes twice on 25 October.
        ({"time": "02:30-05:00"}, {"2026-03-29T01:00Z": True, "2026-03-29T00:59Z": False, "2026-03-29T02:59Z": True}),
        ({"time": "02:00-02:30"}, {"2026-10-25T00:15Z": True, "2026-10-25T00:45Z": False, "2026-10-25T01:15Z": True}),
        # Friday night belongs to Friday, also after midnight.
        (
            {"time": "22:00-04:00", "weekdays": ("fri",)},
            {"2026-06-19T21:00Z": True, "2026-06-20T01:30Z": True, "2026-06-20T21:00Z": False},
        ),
        ({"time": "22:00-04:00", "months": (6,)}, {"2026-07-01T01:00Z": True, "2026-05-31T23:00Z": False}),
        ({"time": "22:00-24:00"}, {"2026-06-19T21:45Z": True, "2026-06-19T22:00Z": False}),
        ({"weekdays": ("sat",)}, {"2026-06-19T22:00Z": True, "2026-06-19T21:59Z": False}),
    ],
)
def test_a_selector_holds_by_hand(when: dict[str, Any], holding: dict[str, bool]) -> None:
    selector = When.model_validate(when)
    assert {at: holds(selector, datetime.fromisoformat(at), ZONE) for at in holding} == holding
