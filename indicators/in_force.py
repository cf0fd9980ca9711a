"""Which settings hold for an indicator at a place, from when to when (rules 20 and 21).

A slot is judged by what was in force at its start. Time is cut only where something can change: a threshold's
``effective_from``, a place's validity, an event or its phases, and the selectors of thresholds by the local clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

from indicators.chain import ChainLink, explain_chain, threshold_rows
from indicators.chosen import chosen
from indicators.effective import BandInForce, Effective, Resolver, resolver
from indicators.grammar import Card
from indicators.layers import Entry
from indicators.local_clock import holidays_and_event_days, timeline
from schemas.config import Config, PlaceRow
from schemas.settings import Event, When

__all__ = [
    "BandInForce", "ChainLink", "Effective", "Segment", "explain_chain", "holidays_and_event_days", "segments", "threshold_rows",
]  # fmt: skip


ALWAYS = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Segment:
    """Settings that hold for slots starting in [start, end)."""

    start: datetime
    end: datetime
    settings: Effective


def segments(config: Config, card: Card, place: str, start: datetime, end: datetime) -> list[Segment]:
    """The settings of ``card`` at ``place`` for slots starting in [start, end), in order, without overlap.

    Stretches in which the card has no row (rule 16: the place is not valid, of another kind or type, lacks an
    attribute) are left out. Neighbouring segments always differ; equal stretches share one :class:`Effective`.
    """
    if config.before is not None and config.since is not None and start < config.since:
        return _over_versions(config, config.before(), card, place, start, end)
    works = resolver(config, card)
    if place not in works.kept:
        by_clock = any(e.threshold.when for row in config.rows_of(place) for e in works.entries_for(row))
        works.kept[place] = None if by_clock else _segments(works, place, *ALWAYS)
    kept = works.kept[place]
    if kept is None:  # a clock goes on without end
        return _segments(works, place, start, end)
    return [s if start <= s.start and s.end <= end else Segment(max(start, s.start), min(end, s.end), s.settings)
            for s in kept if s.start < end and start < s.end]  # fmt: skip


def _over_versions(config: Config, before: Config, card: Card, place: str, start: datetime, end: datetime) -> list[Segment]:
    """The segments of the version of before up to where this one begins, then its own."""
    since = config.since
    assert since is not None
    used = chosen(before, {card.id: card})
    earlier = segments(before, card, place, start, min(end, since)) if used else []
    return earlier + (segments(config, card, place, since, end) if since < end else [])


def _segments(works: Resolver, place: str, start: datetime, end: datetime) -> list[Segment]:
    found: list[Segment] = []
    for row in works.config.rows_of(place):
        low = max(start, row.place.valid_from)
        high = min(end, row.until) if row.until else end
        if low < high and works.can_apply(row):
            for begin, until, settings in _stretches(works, row, low, high):
                joins = found and found[-1].settings is settings and found[-1].end == begin
                found.append(Segment(found.pop().start if joins else begin, until, settings))
    return found


def _stretches(works: Resolver, row: PlaceRow, low: datetime, high: datetime) -> Iterator[tuple[datetime, datetime, Effective]]:
    """The settings between each two moments at which something may change."""
    events = tuple(e for e in works.config.events_of(row.place.place) if e.from_ < high and low < e.to)
    entries = works.entries_for(row)
    selectors = frozenset(e.threshold.when for e in entries if e.threshold.when)
    clock = dict(timeline(selectors, low, high, works.config.tz) if selectors else ())
    moments = {low, *clock, *(t for t in _moments(works, events, entries) if low < t < high)}
    held: frozenset[When] = frozenset()
    for begin, until in pairwise([*sorted(moments), high]):
        held = clock.get(begin, held)
        settings = works.at(row, events, entries, begin, held)
        if settings is not None:
            yield begin, until, settings


def _moments(works: Resolver, events: tuple[Event, ...], entries: tuple[Entry, ...]) -> Iterator[datetime]:
    """Moments at which something may change, the local clock aside."""
    for entry in entries:
        yield entry.threshold.effective_from
    for event in events:
        yield from (event.from_, event.to)
        if works.card.applies_to.phases:
            yield from (t for phase in event.phases for t in (phase.from_, phase.to))
