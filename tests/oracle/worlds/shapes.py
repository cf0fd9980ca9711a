"""What a random town consists of: places, sources, deliveries, events, own thresholds, flags. Plain data."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo


@dataclass(frozen=True)
class Period:
    """What a place is from ``start`` on, until its next period or ``end``."""

    start: datetime
    properties: dict[str, Any]
    end: datetime | None = None


@dataclass(frozen=True)
class Event:
    """Holds for intervals that start in [start, end). ``places``: what it changes there; ``phases``: (name, from, to)."""

    slug: str
    start: datetime
    end: datetime
    places: dict[str, dict[str, Any]]
    phases: tuple[tuple[str, datetime, datetime], ...] = ()
    interval: int | None = None


@dataclass(frozen=True)
class Own:
    """An own threshold: ``enter`` per band, ``params``; for a place, an event or the whole town, perhaps by the clock."""

    indicator: str
    since: datetime
    enter: dict[str, float] = field(default_factory=dict)
    params: dict[str, float] = field(default_factory=dict)
    place: str | None = None
    place_type: str | None = None
    event: str | None = None
    clock: str | None = None  # "22:00-04:00", local


@dataclass(frozen=True)
class Flag:
    source: str
    place: str
    start: datetime
    end: datetime
    effect: tuple[str, ...] = ("outage",)


@dataclass(frozen=True)
class Row:
    """One row of a file, as texts; ``down``: the supplier says that the counter did not work."""

    start: datetime
    place: str
    texts: dict[str, str]
    down: bool = False


@dataclass(frozen=True)
class Delivery:
    name: str
    issued: datetime
    rows: list[Row]


@dataclass
class Source:
    """``minutes``: cadence; ``zero_run``: minutes within which an absent row is zero, or None."""

    name: str
    dataset: str
    measures: tuple[str, ...]
    places: tuple[str, ...]
    minutes: int
    rank: int = 1
    zero_run: int | None = None
    clock: str = "utc"
    deliveries: list[Delivery] = field(default_factory=list)


@dataclass(frozen=True)
class Reset:
    place: str
    at: datetime
    present: int


@dataclass
class Town:
    seed: int
    zone: str
    holidays: str
    interval: int
    k: int
    start: datetime
    end: datetime
    worlds: int
    places: dict[str, list[Period]] = field(default_factory=dict)
    sources: list[Source] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    own: list[Own] = field(default_factory=list)
    flags: list[Flag] = field(default_factory=list)
    resets: list[Reset] = field(default_factory=list)
    event_days: list[str] = field(default_factory=list)
    weights: dict[str, float] = field(default_factory=dict)
    indicators: tuple[str, ...] = ()

    @property
    def tz(self) -> ZoneInfo:
        return ZoneInfo(self.zone)

    def period(self, place: str, at: datetime) -> Period | None:
        """What the place is at a moment; None before it is there, and after it is gone."""
        found = None
        for period in self.places[place]:
            if period.start <= at:
                found = period
        return None if found is None or (found.end and at >= found.end) else found

    def during(self, place: str, at: datetime) -> list[tuple[Event, dict[str, Any]]]:
        """Events that hold at the place, with what they change there."""
        return [(e, e.places[place]) for e in self.events if e.start <= at < e.end and place in e.places]

    def attribute(self, place: str, name: str, at: datetime) -> Any:
        """An attribute in force: the event's, else the place's own, else None."""
        period = self.period(place, at)
        value = period.properties.get(name) if period else None
        for _, changed in self.during(place, at):
            value = changed.get(name, value)
        return value

    def interval_at(self, place: str, at: datetime) -> int:
        """Minutes in force: the event's for the place, the event's own, the town's."""
        minutes = self.interval
        for event, changed in self.during(place, at):
            minutes = changed.get("interval") or event.interval or minutes
        return minutes


def steps(start: datetime, end: datetime, minutes: int) -> list[datetime]:
    """Moments from start to before end."""
    step, found = timedelta(minutes=minutes), []
    while start < end:
        found.append(start)
        start += step
    return found
