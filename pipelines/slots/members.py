"""The places behind a measure that is worked out: which lines lead into a zone, which zones make an area, with what factor.

A row (place, member, measure, factor, share, valid_from, valid_to) says: what ``measure`` counts at ``member`` counts for
``place``, times ``factor`` (-1 for what leaves; 1/m² or m² where an attribute divides or multiplies). ``above`` marks the
measures above the line of a share. Events change attributes and directions for their time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from itertools import pairwise

import pyarrow as pa

from indicators.effective import attribute_in_force
from pipelines.slots.feeds import Feed
from pipelines.store import Store
from schemas.config import Config, PlaceRow
from schemas.datasets import DATASETS, Derived
from schemas.settings.place import LEADING_SOMEWHERE

_UTC = pa.timestamp("us", "UTC")
SCHEMA = pa.schema([
    ("place", pa.string()), ("member", pa.string()), ("measure", pa.string()), ("factor", pa.float64()), ("above", pa.bool_()),
    ("valid_from", _UTC), ("valid_to", _UTC),
])  # fmt: skip
COUNTED = pa.schema([("place", pa.string()), ("members", pa.int64()), ("valid_from", _UTC), ("valid_to", _UTC)])


@dataclass(frozen=True)
class Member:
    """A row of the relation; ``valid_to`` None: no end is known."""

    place: str
    member: str
    measure: str
    factor: float
    above: bool
    valid_from: datetime
    valid_to: datetime | None


def register(store: Store, config: Config, feed: Feed) -> str:
    """Make the temporary table of a feed's members; returns its name."""
    found = members(config, feed)
    name = "_".join(("members", feed.dataset, feed.measure, *feed.sources)).replace("-", "_")
    return store.given(name, found, _as_table(found))


def counted(store: Store, config: Config, feed: Feed) -> str:
    """Make the temporary table of how many members each place has at a time (place, members, valid_from, valid_to); returns its name."""
    found = members(config, feed)
    name = "_".join(("members_counted", feed.dataset, feed.measure, *feed.sources)).replace("-", "_")
    return store.given(name, found, _counted(found))


@lru_cache(maxsize=256)
def _counted(found: tuple[Member, ...]) -> pa.Table:
    of_place: dict[str, list[Member]] = {}
    for member in found:
        of_place.setdefault(member.place, []).append(member)
    rows = [{"place": place, "members": count, "valid_from": start, "valid_to": end}
            for place, own in of_place.items() for start, end, count in _numbers(own)]  # fmt: skip
    return pa.Table.from_pylist(rows, COUNTED)


def _numbers(own: list[Member]) -> Iterator[tuple[datetime, datetime | None, int]]:
    """How many members a place has from when to when; not the times at which it has none."""
    moments = sorted({m for o in own for m in (o.valid_from, o.valid_to) if m is not None})
    for start, end in zip(moments, [*moments[1:], None], strict=True):
        count = sum(o.valid_from <= start and (o.valid_to is None or start < o.valid_to) for o in own)
        if count:
            yield start, end, count


@lru_cache(maxsize=256)
def _as_table(found: tuple[Member, ...]) -> pa.Table:
    return pa.Table.from_pylist([vars(m) for m in found], SCHEMA)


@lru_cache(maxsize=256)
def members(config: Config, feed: Feed) -> tuple[Member, ...]:
    """The members of a feed that is worked out over places."""
    assert feed.derived is not None
    return tuple(_ONE[feed.derived.over](config, feed, feed.derived))


@lru_cache(maxsize=256)
def places(config: Config, feed: Feed) -> frozenset[str]:
    """The places at which a feed gives something."""
    if feed.over_places:
        return frozenset(m.place for m in members(config, feed))
    return frozenset(config.sources[feed.source].place.map.values())


@lru_cache(maxsize=256)
def one_at_a_time(config: Config, feed: Feed) -> bool:
    """Whether no place ever has two members at once."""
    periods: dict[str, list[Member]] = {}
    for member in members(config, feed):
        periods.setdefault(member.place, []).append(member)
    ordered = (sorted(found, key=lambda m: m.valid_from) for found in periods.values())
    return all(a.valid_to is not None and a.valid_to <= b.valid_from for found in ordered for a, b in pairwise(found))


def _kinds(feed: Feed) -> tuple[str, ...]:
    return DATASETS[feed.dataset].place_kinds


def _measures(config: Config, feed: Feed, place: str) -> tuple[str, ...]:
    """The delivered measures looked up at a place: those of the most trusted source that counts there."""
    counts = (g.measures for g in feed.given if place in config.sources[g.source].place.map.values())
    return next(counts, feed.given[0].measures)


def _leading(config: Config) -> Iterator[PlaceRow]:
    return (row for row in config.places if row.place.kind in LEADING_SOMEWHERE)


def _ways(config: Config, feed: Feed, row: PlaceRow) -> Iterator[tuple[str, str | None, str | None]]:
    """Measure, where it comes from and where it leads: the first measure goes from → to, the second back."""
    forward, *back = _measures(config, feed, row.place.place)
    yield forward, row.place.from_zone, row.place.to_zone
    for measure in back:
        yield measure, row.place.to_zone, row.place.from_zone


def _border(config: Config, feed: Feed, *, into: bool, out_of: bool) -> Iterator[Member]:
    for row in _leading(config):
        if row.place.kind not in _kinds(feed):
            continue
        for measure, origin, target in _ways(config, feed, row):
            period = row.place.valid_from, row.until
            if into and target and target != origin:
                yield Member(target, row.place.place, measure, 1.0, False, *period)
            if out_of and origin and target != origin:
                yield Member(origin, row.place.place, measure, -1.0 if into else 1.0, False, *period)


def _into(config: Config, feed: Feed, _: Derived) -> Iterator[Member]:
    return _border(config, feed, into=True, out_of=False)


def _out_of(config: Config, feed: Feed, _: Derived) -> Iterator[Member]:
    return _border(config, feed, into=False, out_of=True)


def _through(config: Config, feed: Feed, _: Derived) -> Iterator[Member]:
    """Only zones that say their lines close them, and when they count as empty (rule 2)."""
    closed = {r.place.place for r in config.places if r.place.perimeter == "complete" and r.place.zero_at}
    return (m for m in _border(config, feed, into=True, out_of=True) if m.place in closed)


def _with_plan(config: Config, feed: Feed, _: Derived) -> Iterator[Member]:
    return _planned(config, feed, along=True)


def _against_plan(config: Config, feed: Feed, _: Derived) -> Iterator[Member]:
    return _planned(config, feed, along=False)


def _planned(config: Config, feed: Feed, *, along: bool) -> Iterator[Member]:
    for row in config.places:
        if row.place.kind == "line":
            into, out = _measures(config, feed, row.place.place)
            for start, stop in _stretches(config, row):
                found = [
                    e.places[row.place.place].planned_direction
                    for e in config.events_of(row.place.place)
                    if e.from_ <= start < e.to
                ]
                plan = next((p for p in found if p), row.place.planned_direction) or "in"
                yield Member(row.place.place, row.place.place, into if (plan == "in") == along else out, 1.0, False, start, stop)


def _own(config: Config, feed: Feed, derived: Derived) -> Iterator[Member]:
    for row in config.places:
        if row.place.kind in derived.place_kinds:
            yield from _weighed(config, row, row.place.place, feed, derived)


def _approach(config: Config, feed: Feed, derived: Derived) -> Iterator[Member]:
    for row in config.places:
        zone = row.place.waits_in if row.place.kind == "line" else None
        for part in config.rows_of(zone) if zone else ():
            yield from _inside(row, _weighed(config, part, row.place.place, feed, derived))


def _parts(config: Config, feed: Feed, derived: Derived) -> Iterator[Member]:
    """Of an area its parts of the dataset's kinds; of any other place itself."""
    for row in config.places:
        if row.place.kind not in derived.place_kinds:
            continue
        for name in row.place.parts or (row.place.place,):
            for part in config.rows_of(name):
                if part.place.kind in _kinds(feed):
                    yield from _inside(row, _weighed(config, part, row.place.place, feed, derived))


def _inside(row: PlaceRow, found: Iterator[Member]) -> Iterator[Member]:
    """Members for as long as the place itself is so."""
    for member in found:
        start, stops = max(member.valid_from, row.place.valid_from), [t for t in (member.valid_to, row.until) if t]
        stop = min(stops, default=None)
        if stop is None or start < stop:
            yield replace(member, valid_from=start, valid_to=stop)


def _weighed(config: Config, row: PlaceRow, place: str, feed: Feed, derived: Derived) -> Iterator[Member]:
    """``row`` as a member of ``place``, with the factor that its attribute gives from time to time; none where that is unknown."""
    if derived.per is None:
        stretches: Iterator[tuple[datetime, datetime | None]] = iter([(row.place.valid_from, row.until)])
    else:
        stretches = _stretches(config, row)
    for start, stop in stretches:
        factor = 1.0
        if derived.per is not None:
            known = attribute_in_force(
                row, [e for e in config.events_of(row.place.place) if e.from_ <= start < e.to], derived.per
            )
            if known is None:
                continue
            factor = 1 / known if derived.over == "approach" else known
        for measure in _measures(config, feed, row.place.place):
            yield Member(place, row.place.place, measure, factor, measure in derived.of, start, stop)


def _stretches(config: Config, row: PlaceRow) -> Iterator[tuple[datetime, datetime | None]]:
    """The period of a place's row, cut where an event begins or ends there."""
    low, high = row.place.valid_from, row.until
    moments = {t for e in config.events_of(row.place.place) for t in (e.from_, e.to)}
    inside = sorted(t for t in moments if low < t and (high is None or t < high))
    starts = [low, *inside]
    return zip(starts, [*inside, high], strict=True)


_ONE = {
    "own": _own, "into": _into, "out_of": _out_of, "through": _through, "with_plan": _with_plan, "against_plan": _against_plan,
    "parts": _parts, "approach": _approach,
}  # fmt: skip
